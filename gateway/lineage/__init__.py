"""What was made from what, up and down."""

"""What is wrong with declarations, told at start and not at the first query that meets it."""

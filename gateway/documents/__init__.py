"""Documents, derived from objects and from other documents."""

"""How objects and documents get on: the legal moves, and what engines outside report."""

"""The short road of mutations, which runs each of them once."""

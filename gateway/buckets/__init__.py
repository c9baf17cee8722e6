"""Buckets: named places for objects, each with a schema."""

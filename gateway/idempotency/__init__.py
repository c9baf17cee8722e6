"""Mutations that are made once, however often they are sent: their keys, and what was answered."""

"""Streams of messages: one for all who ask for the same, each of them at a place of its own."""

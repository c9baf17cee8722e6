"""Reads files from URLs that callers name, and reaches nothing that is not public."""

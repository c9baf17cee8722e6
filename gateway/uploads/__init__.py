"""Uploads: bytes that clients send straight to the store, and what is known of them meanwhile."""

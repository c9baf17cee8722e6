"""Bringing a folder's files into a bucket, as any client of a gateway would."""

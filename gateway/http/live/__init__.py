"""Connections that stay open: what sockets and answers as SSE have in common."""

"""The gateway's reads and writes beside handlers by hand; README.md beside this folder says how."""

from bench.reads.command import main

__all__ = ["main"]

"""Subscribers of the gateway beside a bare broadcast; README.md beside this folder says how."""

from bench.fanout.command import main

__all__ = ["main"]

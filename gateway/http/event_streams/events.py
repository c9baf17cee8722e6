"""What is written to an event stream, as bytes."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.events.following import Message

# Comments, which keep proxies from ending what they take for idle.
BEAT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
# How long a browser waits until it comes again.
RETRY = b"retry: 1000\n\n"


def results(messages: Sequence[Message]) -> bytes:
    """Return results as events; their ids are what a client resumes after."""
    return b"".join([_result(each.json, each.cursor) for each in messages])


def only_result(json: bytes) -> bytes:
    """Return all events of an operation that has one result."""
    return _result(json, None) + COMPLETE


def _result(json: bytes, cursor: str | None) -> bytes:
    id = b"" if cursor is None else b"id: %b\n" % cursor.encode()
    # An event's data ends with its line, and PostgreSQL breaks lines in what it aggregates; inside
    # of strings JSON has none.
    return b"event: next\n%bdata: %b\n\n" % (id, json.translate(None, b"\r\n"))

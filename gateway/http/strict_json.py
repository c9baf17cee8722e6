"""JSON in and out: strict UTF-8 without NaN or lone surrogates in, finished answers out."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.planner import raw


def decode(data: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        json.JSONDecodeError: It is not JSON as RFC 8259 has it.
    """
    return orjson.loads(data)


def encode(value: object) -> bytes:
    """Return the JSON of an answer; what the database has finished goes in as it is."""
    return raw.encode(value)

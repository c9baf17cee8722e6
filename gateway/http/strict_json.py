"""JSON in and out: strict UTF-8 without NaN or lone surrogates in, finished answers out."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.planner.executor import Raw


def decode(data: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        json.JSONDecodeError: It is not JSON as RFC 8259 has it.
    """
    return orjson.loads(data)


def encode(value: object) -> bytes:
    """Return the JSON of an answer; what the database has finished goes in as it is."""
    return orjson.dumps(value, default=_raw)


def _raw(value: object) -> orjson.Fragment:
    if type(value) is Raw:
        return orjson.Fragment(value.json)
    raise TypeError(f"no JSON for {type(value).__name__}")

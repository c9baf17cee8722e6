"""What the database has finished, and how it gets into an answer."""

from __future__ import annotations

import orjson


class Raw:
    """Finished JSON, to be put into the response as it is."""

    __slots__ = ("json",)

    def __init__(self, json: bytes) -> None:
        self.json = json


def encode(value: object) -> bytes:
    """Return the JSON of an answer; what is finished goes in as it is."""
    return orjson.dumps(value, default=_fragment)


def _fragment(value: object) -> orjson.Fragment:
    if type(value) is Raw:
        return orjson.Fragment(value.json)
    raise TypeError(f"no JSON for {type(value).__name__}")

"""Ids: a prefix as in ``obj_`` and 26 characters of lower-case ULID, which sort by time."""

from __future__ import annotations

import re

from ulid import LaxMonotonicPolicy, ULIDGenerator

_generator = ULIDGenerator(policy=LaxMonotonicPolicy())
_SHAPE = re.compile(r"([a-z]+)_[0-9a-hjkmnp-tv-z]{26}")


def new_id(prefix: str) -> str:
    """Return a new id; later ids of one process sort after earlier ones."""
    return f"{prefix}_{str(_generator.generate()).lower()}"


def prefix_of(text: str) -> str | None:
    """Return the prefix of a well-formed id, None for anything else."""
    match = _SHAPE.fullmatch(text)
    return match[1] if match else None

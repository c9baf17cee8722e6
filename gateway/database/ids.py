"""Ids: a prefix as in ``obj_`` and 26 characters of lower-case ULID, which sort by time."""

from __future__ import annotations

import re
from secrets import randbits
from threading import Lock
from time import time_ns

from ulid_transform import bytes_to_ulid

_RANDOM_BITS = 80  # below the milliseconds
_SHAPE = re.compile(r"([a-z]+)_[0-9a-hjkmnp-tv-z]{26}")


class _Numbers:
    """Of 128 bits, each above those before it: the first of a millisecond is random in its last 80.

    Those after it count on, also while the clock is set back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def next(self) -> int:
        now = time_ns() // 1_000_000 << _RANDOM_BITS
        with self._lock:
            self._last = self._last + 1 if now <= self._last else now | randbits(_RANDOM_BITS)
            return self._last


_numbers = _Numbers()


def new_id(prefix: str) -> str:
    """Return a new id; later ids of one process sort after earlier ones."""
    return f"{prefix}_{bytes_to_ulid(_numbers.next().to_bytes(16, 'big')).lower()}"


def prefix_of(text: str) -> str | None:
    """Return the prefix of a well-formed id, None for anything else."""
    match = _SHAPE.fullmatch(text)
    return match[1] if match else None

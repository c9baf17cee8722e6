"""Paths of objects and blobs."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.checks import check_name

MOST_CHARACTERS = 1024


def check_key_prefix(value: str | None, path: Sequence[str] = ("keyPrefix",)) -> None:
    """Return if ``value`` can be the path of an object or of a blob; None, for the root, can.

    Raises:
        InvalidInput: Empty, nothing but blanks, or with control characters.
        TooLarge: Over ``MOST_CHARACTERS``.
    """
    if value is not None:
        check_name(value, path, most=MOST_CHARACTERS)

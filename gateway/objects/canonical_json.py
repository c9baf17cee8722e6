"""JSON in its one canonical form (RFC 8785), so that equal data has an equal hash."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import rfc8785

from gateway.checks import check_json, is_harmless
from gateway.errors import InvalidInput, TooLarge

# Beyond this, programs that read numbers as doubles take different integers for the same one.
MOST_INTEGER = 2**53 - 1
# What may be a float, in numbers or in text that looks like one, and the first byte of UTF-8 for a
# character from U+10000 on.
_MAYBE_OTHERWISE = re.compile(rb"[0-9](?:\.[0-9]|e[-+0-9])|[\xf0-\xf4]")


def canonical_json(value: Any, path: Sequence[str], *, limit_bytes: int) -> bytes:
    """Return ``value`` as canonical JSON.

    Raises:
        InvalidInput: Text or nesting that cannot be kept, or a number that has no canonical form.
        TooLarge: Over ``limit_bytes``.
    """
    text = _quickly(value)
    if text and len(text) <= limit_bytes and is_harmless(text):
        return text
    check_json(value, path, most_bytes=limit_bytes)
    try:
        text = text or rfc8785.dumps(value)
    except rfc8785.IntegerDomainError as error:
        raise InvalidInput(
            f"integers of structured data go from -{MOST_INTEGER} to {MOST_INTEGER};"
            " send a larger one as a string",
            next(_large_integers(value, tuple(path))),
        ) from error
    # The canonical form of a number can be longer than the usual one: 1e20 has 21 digits.
    if len(text) > limit_bytes:
        raise TooLarge(
            f"the data has {len(text)} bytes as canonical JSON; the most is {limit_bytes}", path
        )
    return text


def _quickly(value: Any) -> bytes | None:
    """Return the canonical form where orjson writes just that; None where it may not.

    It writes text, and integers up to ``MOST_INTEGER``, as RFC 8785 does, but not floats. It sorts
    keys by code point rather than by UTF-16's units, which is the same below U+10000.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError:
        return None
    return None if _MAYBE_OTHERWISE.search(text) else text


def _large_integers(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _large_integers(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _large_integers(each, (*path, str(index)))
    elif isinstance(value, int) and abs(value) > MOST_INTEGER:
        yield path

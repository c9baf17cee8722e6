"""What any input must be, whatever it is for: text that can be kept, names, JSON of a size."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import orjson

from gateway.errors import InvalidInput, TooLarge
from gateway.wording import kind_of, label

MOST_LEVELS = 100
MOST_DESCRIPTION_CHARACTERS = 10_000
# What orjson carries, and with it every number that the gateway reads or writes.
LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**64 - 1

# Where a value is, innermost key first, so that a step down costs one small tuple and no copy.
_Spot = tuple["_Spot", str | int] | None


def check_text(value: Any, path: Sequence[str]) -> None:
    """Refuse what PostgreSQL cannot keep anywhere in ``value``, and nesting without measure.

    Args:
        value: Text, or JSON that may hold text; the keys of its objects are text too.

    Raises:
        InvalidInput: A NUL character, half a surrogate pair, or over ``MOST_LEVELS`` objects and
            arrays within one another; its path leads to the spot.
    """
    _walk(value, path, numbers=False)


def has_harmless_text(value: Any) -> bool:
    """Tell, as quickly as JSON is written, that ``check_text`` passes; False: it may or may not.

    Args:
        value: May hold dataclasses too, and other objects that hold no text.
    """
    return _is_harmless(_written(value))


def check_json(value: Any, path: Sequence[str], *, most_bytes: int) -> None:
    """Refuse JSON that cannot be kept.

    Args:
        most_bytes: Of ``value`` as compact JSON in UTF-8.

    Raises:
        InvalidInput: As ``check_text``, and numbers that are not finite or wider than 64 bits.
        TooLarge: Over ``most_bytes``.
    """
    text = _written(value)
    if not is_harmless(text):
        _walk(value, path, numbers=True)
    size_bytes = len(text or orjson.dumps(value))
    if size_bytes > most_bytes:
        raise TooLarge(
            f"{label(path)} has {size_bytes} bytes as compact JSON; the most is {most_bytes}", path
        )


def is_harmless(text: bytes) -> bool:
    """Tell of written JSON that ``check_json`` passes but for its size; False: it may or may not.

    Args:
        text: Empty if it could not be written.
    """
    # What is not finite is written as null.
    return b"null" not in text and _is_harmless(text)


def check_object(value: Any, path: Sequence[str], *, most_bytes: int) -> dict[str, Any]:
    """Check that ``value`` is a JSON object that can be kept; return it as it is.

    Raises:
        InvalidInput: Another type, or as ``check_json``.
        TooLarge: Over ``most_bytes``.
    """
    if not isinstance(value, dict):
        raise InvalidInput(f"{label(path)} is {kind_of(value)}; it has to be an object", path)
    check_json(value, path, most_bytes=most_bytes)
    return value


def check_name(value: Any, path: Sequence[str], *, most: int) -> str:
    """Check that ``value`` can name something; return it as it is.

    Args:
        most: Characters, not bytes.

    Raises:
        InvalidInput: No string, empty, nothing but blanks, or with control characters.
        TooLarge: Over ``most`` characters.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{label(path)} is {kind_of(value)}; it has to be a string", path)
    if not value.strip():
        state = "holds nothing but blanks" if value else "is empty"
        raise InvalidInput(f"{label(path)} {state}; it has to have 1 to {most} characters", path)
    if len(value) > most:
        raise TooLarge(f"{label(path)} has {len(value)} characters; the most is {most}", path)
    if value.isprintable():
        return value
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise InvalidInput(
                f"{label(path)} holds U+{ord(character):04X}; control characters"
                " and halves of surrogate pairs have to be left out",
                path,
            )
    return value


def check_description(text: str | None) -> None:
    """Refuse a description that is no text to be kept, or too long; None is none.

    Raises:
        InvalidInput: As ``check_text``.
        TooLarge: Over ``MOST_DESCRIPTION_CHARACTERS``.
    """
    path = ("description",)
    if text is None:
        return
    check_text(text, path)
    if len(text) > MOST_DESCRIPTION_CHARACTERS:
        most = MOST_DESCRIPTION_CHARACTERS
        raise TooLarge(f"description has {len(text)} characters; the most is {most}", path)


def _written(value: Any) -> bytes:
    """Return compact JSON; nothing where there is none, as of half a surrogate pair."""
    try:
        return orjson.dumps(value, default=_nothing)
    except orjson.JSONEncodeError:
        return b""


def _nothing(_: object) -> None:
    return None


def _is_harmless(text: bytes) -> bool:
    """Tell that there is no NUL in JSON that was written, and few brackets, so few levels."""
    brackets = text.count(b"{") + text.count(b"[")
    return bool(text) and brackets <= MOST_LEVELS and b"\\u0000" not in text


def _walk(value: Any, path: Sequence[str], *, numbers: bool) -> None:
    # A stack of its own rather than recursion: the depth is the sender's choice. The list around
    # ``value`` lets one loop treat a lone scalar too; ``_at`` leaves it out again.
    waiting: list[tuple[Any, int, _Spot]] = [([value], 0, None)]
    while waiting:
        holder, level, spot = waiting.pop()
        if isinstance(holder, dict):
            for key in holder:
                if fault := _fault_of_text(key):
                    raise InvalidInput(f"a key {fault}", _at(path, (spot, key)))
        for key, child in holder.items() if isinstance(holder, dict) else enumerate(holder):
            if isinstance(child, str):
                if fault := _fault_of_text(child):
                    where = _at(path, (spot, key))
                    raise InvalidInput(f"{label(where)} {fault}", where)
            elif isinstance(child, (dict, list)):
                if level == MOST_LEVELS:
                    raise InvalidInput(
                        f"objects and arrays lie in one another more than {MOST_LEVELS} deep here;"
                        f" the most is {MOST_LEVELS}",
                        _at(path, (spot, key)),
                    )
                waiting.append((child, level + 1, (spot, key)))
            elif numbers and (fault := _fault_of_number(child)):
                where = _at(path, (spot, key))
                raise InvalidInput(f"{label(where)} {fault}", where)


def _fault_of_text(text: str) -> str | None:
    if "\0" in text:
        return "holds a NUL character (U+0000), which cannot be kept; leave it out"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ord(text[error.start])
        return f"holds half of a surrogate pair (U+{half:04X}); send whole characters"
    return None


def _fault_of_number(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "is NaN or infinite; a JSON number has to be finite"
    if isinstance(value, int) and not LEAST_INTEGER <= value <= MOST_INTEGER:
        return "is an integer beyond 64 bits; send it as a string, or a smaller one"
    return None


def _at(path: Sequence[str], spot: _Spot) -> tuple[str, ...]:
    keys: list[str] = []
    while spot is not None:
        spot, key = spot
        # A key that is itself at fault must not travel in the answer as it is.
        shown = str(key).replace("\0", "\\u0000")
        keys.append(shown.encode("utf-8", "backslashreplace").decode())
    return (*path, *reversed(keys[:-1]))

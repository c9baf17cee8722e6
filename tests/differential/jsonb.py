"""JSON values as PostgreSQL's jsonb compares them and finds paths in them."""

from __future__ import annotations

import re
from typing import Any, Final

NOTHING: Final = object()  # where a path leads nowhere

_INDEX = re.compile(r"-?\d+", re.ASCII)


def at(value: Any, path: str) -> Any:
    """Return what a path of the API leads to, ``NOTHING`` if it leads nowhere."""
    for key in keys_of(path):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key):
            if not -len(value) <= int(key) < len(value):
                return NOTHING
            value = value[int(key)]
        else:
            return NOTHING
    return value


def keys_of(path: str) -> list[str]:
    if path.startswith("/"):
        return [key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/")]
    return path.split(".")


def compare(left: Any, right: Any) -> int:
    """Return less than, equal to, or more than 0.

    A scalar alone is an array of one, which makes an empty array smaller than any scalar.
    """
    if isinstance(left, dict) or isinstance(right, dict):
        return _compare(left, right)
    ones, others = (each if isinstance(each, list) else [each] for each in (left, right))
    if len(ones) != len(others):
        return len(ones) - len(others)
    if isinstance(left, list) != isinstance(right, list):
        return 1 if isinstance(left, list) else -1
    return _compare(ones, others)


def same(left: Any, right: Any) -> bool:
    return compare(left, right) == 0


def _compare(left: Any, right: Any) -> int:
    kinds = _rank(left), _rank(right)
    if kinds[0] != kinds[1]:
        return kinds[0] - kinds[1]
    if isinstance(left, dict | list):
        ones, others = _flat(left), _flat(right)
        if len(ones) != len(others):
            return len(ones) - len(others)
        return next((way for pair in zip(ones, others, strict=True) if (way := _compare(*pair))), 0)
    if left is None or left == right:
        return 0
    return -1 if left < right else 1


def _flat(value: Any) -> list[Any]:
    """Return the items of an array; an object's keys and values, as jsonb keeps them."""
    if isinstance(value, list):
        return value
    keys = sorted(value, key=lambda key: (len(key.encode()), key))
    return [each for key in keys for each in (key, value[key])]


def _rank(value: Any) -> int:
    match value:
        case None:
            return 0
        case str():
            return 1
        case bool():
            return 3
        case int() | float():
            return 2
        case list():
            return 4
    return 5

"""How sentences name what a caller has sent: its type, its place, no more of it than fits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

MOST_SHOWN, MOST_TOLD, MOST_LISTED = 80, 500, 4096  # characters
_MOST_READ = 4 * MOST_TOLD
# With what ends it: a quote, a bracket, a stop.
_LONG_WORD = re.compile(rf"(\S{{{MOST_SHOWN - 1}}})\S{{20,}}?([^\w\s]{{0,4}})(?!\S)")


def kind_of(value: Any) -> str:
    """Return the JSON type of ``value`` for a sentence, as in "an array"."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
    return f"a {type(value).__name__}"


def label(path: Sequence[str]) -> str:
    """Return the name of what is at ``path`` for a sentence, as in "tags[1]"."""
    indexes = ""
    for key in reversed(path):
        if not key.isdecimal():
            return shortened(key) + indexes
        indexes = f"[{key}]" + indexes
    return f"value{indexes}"


def shortened(text: str) -> str:
    """Return ``text`` as it is, or its start where it is too long for a sentence."""
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def readable(message: str) -> str:
    """Return what a library says of a request, which quotes it whole, at a length to be read.

    Its beginning and its end say what is wrong, and so do those of each word.
    """
    if len(message) <= MOST_SHOWN:
        return message
    if len(message) > _MOST_READ:  # a search takes time as well
        message = f"{message[: _MOST_READ // 2]}…{message[-_MOST_READ // 2 :]}"
    message = _LONG_WORD.sub(r"\1…\2", message)
    if len(message) > MOST_TOLD:
        message = f"{message[: MOST_TOLD // 2]} … {message[3 - MOST_TOLD // 2 :]}"
    return message


def listed(words: Sequence[str]) -> tuple[str, ...] | None:
    """Return ``words`` as a failure's ``allowed``; None where that is too much for an answer."""
    return tuple(words) if sum(map(len, words)) <= MOST_LISTED else None

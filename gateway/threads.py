"""Work that may take long, kept off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# What takes less time to work on than it takes to hand over to a thread.
LIGHT = 4096


async def off_loop(
    given: object, work: Callable[P, T], /, *arguments: P.args, **keywords: P.kwargs
) -> T:
    """Return what ``work`` returns; it runs in a thread if what a caller has given is large.

    Args:
        given: JSON-like data, or dataclasses of them, of which the time of ``work`` depends.
    """
    if is_light(given):
        return work(*arguments, **keywords)
    return await asyncio.to_thread(work, *arguments, **keywords)


def is_light(value: object) -> bool:
    """Tell whether JSON-like data have less than ``LIGHT`` characters and values together."""
    room = LIGHT - 1
    found: list[Any] = [value]
    for each in found:  # which grows meanwhile
        kind = type(each)
        if kind is str:
            room -= len(each)
        elif kind is dict:
            room -= 3 * len(each)  # an entry, its key and its value
            if room >= 0:
                room -= sum(map(len, each))
                found += each.values()
        elif kind is list or kind is tuple:
            room -= len(each)
            if room >= 0:
                found += each
        if room < 0:
            return False
    return True

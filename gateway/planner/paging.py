"""Pages of a connection: which way, how many rows, and the arguments that say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import BadUserInput
from gateway.planner.sources import Sizing

DEFAULT_PAGE = 20
LARGEST_PAGE = 1000
PAGE = Sizing(("last", "first"), DEFAULT_PAGE, LARGEST_PAGE)


def goes_backwards(arguments: Mapping[str, Any]) -> bool:
    """Tell whether a page is taken from the end of the list: ``last`` was given.

    Raises:
        BadUserInput: ``first`` was given as well.
    """
    if arguments.get("last") is None:
        return False
    if arguments.get("first") not in (None, DEFAULT_PAGE):
        raise BadUserInput("first and last are both given; a page is taken from one end")
    return True


def page_size(arguments: Mapping[str, Any]) -> int:
    """Return how many rows a page has, at most.

    Raises:
        BadUserInput: the argument is out of bounds.
    """
    name = "last" if goes_backwards(arguments) else "first"
    size = arguments.get(name)
    if size is None:
        return DEFAULT_PAGE
    if not 0 <= size <= LARGEST_PAGE:
        raise BadUserInput(f"{name} is {size}; it has to be 0 to {LARGEST_PAGE}")
    return int(size)

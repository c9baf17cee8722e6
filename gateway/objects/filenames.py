"""Names of files, which have to be right on any machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.checks import check_name
from gateway.errors import InvalidInput, UserFailure

MOST_FILENAME_CHARACTERS = 255


def check_filename(value: Any, path: Sequence[str]) -> str:
    """Check that ``value`` can name a file on any machine; return it as it is.

    Raises:
        InvalidInput: No string, empty, or with control characters or separators of paths.
        TooLarge: Over ``MOST_FILENAME_CHARACTERS``.
    """
    name = check_name(value, path, most=MOST_FILENAME_CHARACTERS)
    if "/" in name or "\\" in name or name in (".", ".."):
        raise InvalidInput(
            f"{path[-1]} is a path; it has to be a file's name alone, without / and \\", path
        )
    return name


def usable_filename(name: str | None) -> str | None:
    """Return the name if ``check_filename`` lets it pass."""
    try:
        return check_filename(name, ("filename",))
    except UserFailure:
        return None

"""Paths into metadata: `dimensions.width`, or a JSON Pointer where a key has a dot."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import BadUserInput

DEEPEST = 20


def parse_path(path: str) -> list[str]:
    """Return the keys of a path: split at dots; one that begins with / is a pointer (RFC 6901).

    Raises:
        BadUserInput: it is empty, has an empty key, or is too deep.
    """
    if path.startswith("/"):
        keys = [key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/")]
    else:
        keys = path.split(".")
        if "" in keys:
            raise BadUserInput(f"path {path!r} has an empty key; keys with dots go as /a.b/c")
    if len(keys) > DEEPEST:
        raise BadUserInput(f"path has {len(keys)} keys; the most is {DEEPEST}")
    if "\0" in path:
        raise BadUserInput("path has a NUL character")
    return keys


def written_path(keys: Sequence[str]) -> str:
    """Return the path that leads through the keys, as ``parse_path`` reads it."""
    if all(key and "." not in key and not key.startswith("/") for key in keys):
        return ".".join(keys)
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)

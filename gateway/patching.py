"""What all patches have in common: the version that is expected, and metadata."""

from __future__ import annotations

from typing import Any

from gateway.checks import check_object
from gateway.errors import VersionMismatch

_METADATA = ("metadata",)


def check_version(expected: int | None, *, current: int, id: str) -> None:
    """Return if the row with the id, which the caller has locked, has the expected version.

    Args:
        expected: None where any will do.

    Raises:
        VersionMismatch: It has another.
    """
    if expected is not None and expected != current:
        raise VersionMismatch(existing_id=id, expected=expected, current=current)


def patched_metadata(before: dict[str, Any], patch: Any, *, most_bytes: int) -> dict[str, Any]:
    """Return metadata as a patch changes it by RFC 7396; None clears it.

    Args:
        most_bytes: Of the patch, and of the result.

    Raises:
        InvalidInput, TooLarge: The patch is no object, or it or the result cannot be kept.
    """
    if patch is None:
        return {}
    check_object(patch, _METADATA, most_bytes=most_bytes)
    return check_object(merge_patch(before, patch), _METADATA, most_bytes=most_bytes)


def merge_patch(target: Any, patch: Any) -> Any:
    """Return ``target`` as ``patch`` changes it, by RFC 7396; neither is altered.

    Both must have passed ``checks.check_text``, which bounds their depth. What the patch leaves
    alone is shared with ``target``.
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged

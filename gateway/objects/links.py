"""Links to bytes: signed URLs for whole pages of blobs at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.sql import ColumnElement

from gateway.blobs.signing import check_expiry
from gateway.errors import BadUserInput, InvalidInput
from gateway.objects.tables import ContentRow
from gateway.planner.declare import Argument
from gateway.planner.sources import Columns

EXPIRES_IN = {
    "expires_in": Argument(int | None, 3600, "For how many seconds the link works: 1 to 604800.")
}

Needs = Mapping[str, Callable[[Columns], ColumnElement[Any]]]


def key_of(blob: Columns) -> ColumnElement[str]:
    """Return the key of a blob's bytes in the store, null for structured data.

    Args:
        blob: The columns of a table whose rows name contents.
    """
    return (
        select(ContentRow.key)
        .where(
            ContentRow.namespace_id == blob.namespace_id,
            ContentRow.hash == blob.hash,
            blob.has_bytes,
        )
        .scalar_subquery()
    )


def expiry(expires_in: int | None) -> int:
    """Return how long links work, in seconds.

    Raises:
        BadUserInput: the argument is out of bounds.
    """
    seconds = 3600 if expires_in is None else expires_in
    try:
        check_expiry(seconds)
    except InvalidInput as failure:
        raise BadUserInput(failure.message) from failure
    return seconds


def link(context: Any, content: Mapping[str, Any], seconds: int) -> str:
    """Return a signed URL for one content: ``{key, filename, mime_type}``."""
    url: str = context.blobs.download_url(
        content["key"],
        expires_in_s=seconds,
        filename=content["filename"],
        mime_type=content["mime_type"],
    )
    return url


def sign_contents(
    context: Any, rows: Sequence[Mapping[str, Any]], expires_in: int | None = None
) -> list[str | None]:
    """Return a signed URL for each row; None for structured data, which has no bytes."""
    seconds = expiry(expires_in)
    return [None if row["key"] is None else link(context, row, seconds) for row in rows]

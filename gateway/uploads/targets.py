"""Where the bytes of uploads are sent, and which parts of them have come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, cast, func

from gateway.blobs.store import NoBytes
from gateway.enums import Permission, Status
from gateway.planner.sources import Columns
from gateway.uploads.parts import part_sizes

Needs = Mapping[str, Any]

PARTS_NEEDS = {
    "status": lambda upload: upload.status,
    "key": lambda upload: upload.key,
    "parts_id": lambda upload: upload.parts_id,
}


def _seconds_left(upload: Columns) -> Any:
    return cast(func.floor(func.extract("epoch", upload.expires_at - func.now())), Integer)


TARGET_NEEDS = {
    **PARTS_NEEDS,
    "seconds_left": _seconds_left,
    "size_bytes": lambda upload: upload.size_bytes,
    "part_size_bytes": lambda upload: upload.part_size_bytes,
    "content_type": lambda upload: upload.content_type,
    "announced_hash": lambda upload: upload.announced_hash,
}


def sign_targets(context: Any, uploads: Sequence[Needs]) -> list[dict[str, Any] | None]:
    """Return where each upload's bytes are sent; None where none are taken, or not from the caller.

    The links work until the upload expires.
    """
    if not context.caller.holds(Permission.WRITE):
        return [None] * len(uploads)
    return [
        _target(context, upload)
        if upload["status"] == Status.PENDING and upload["seconds_left"] > 0
        else None
        for upload in uploads
    ]


def _target(context: Any, upload: Needs) -> dict[str, Any]:
    if upload["parts_id"] is not None:
        return {
            "method": "PUT",
            "url": None,
            "headers": {},
            "part_size_bytes": upload["part_size_bytes"],
            "parts": _parts(context, upload),
        }
    target = context.blobs.upload_target(
        upload["key"],
        expires_in_s=upload["seconds_left"],
        size_bytes=upload["size_bytes"],
        mime_type=upload["content_type"],
        sha256=upload["announced_hash"],
    )
    return {
        "method": "PUT",
        "url": target.url,
        "headers": dict(target.headers),
        "part_size_bytes": None,
        "parts": None,
    }


def _parts(context: Any, upload: Needs) -> list[dict[str, Any]]:
    parts = []
    sizes = part_sizes(upload["size_bytes"], upload["part_size_bytes"])
    for number, size_bytes in enumerate(sizes, 1):
        target = context.blobs.part_target(
            upload["key"],
            upload["parts_id"],
            number,
            expires_in_s=upload["seconds_left"],
            size_bytes=size_bytes,
        )
        parts.append({"number": number, "url": target.url, "size_bytes": size_bytes})
    return parts


async def find_parts(context: Any, uploads: Sequence[Needs]) -> list[list[dict[str, Any]] | None]:
    """Return the parts that the store has of each upload; None where none are waited for."""
    return list(await asyncio.gather(*[_come(context, upload) for upload in uploads]))


async def _come(context: Any, upload: Needs) -> list[dict[str, Any]] | None:
    if upload["status"] != Status.PENDING or upload["parts_id"] is None:
        return None
    try:
        parts = await context.blobs.parts(upload["key"], upload["parts_id"])
    except NoBytes:  # joined, and not confirmed yet
        return None
    return [
        {"number": part.number, "size_bytes": part.size_bytes, "etag": part.etag} for part in parts
    ]

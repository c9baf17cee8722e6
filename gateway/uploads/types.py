"""Uploads, as the schema shows them."""

from __future__ import annotations

from datetime import datetime

import strawberry
from sqlalchemy import func
from sqlalchemy.sql import ColumnElement

from gateway.enums import Status
from gateway.payloads import REPLAYED
from gateway.planner.declare import column, computed, entity, sql
from gateway.planner.node import Node
from gateway.planner.sources import Columns
from gateway.scalars import JSON, BigInt, Sha256
from gateway.uploads.tables import UploadRow
from gateway.uploads.targets import PARTS_NEEDS, TARGET_NEEDS, find_parts, sign_targets
from gateway.user_errors import UserError


def _hash(upload: Columns) -> ColumnElement[str]:
    return func.coalesce(upload.hash, upload.announced_hash)


@strawberry.type(description="Where one part is sent.")
class UploadPart:
    number: int = strawberry.field(description="Its place in the file, from 1.")
    url: str = strawberry.field(description="PUT it here; it needs no key.")
    size_bytes: BigInt = strawberry.field(description="Its size, exactly.")


@strawberry.type(description="Where the bytes are sent; links work until the upload expires.")
class UploadTarget:
    method: str = strawberry.field(description="PUT.")
    url: str | None = strawberry.field(
        description="Send the whole file here, with no key; null for an upload in parts."
    )
    headers: JSON = strawberry.field(description="To be sent as they are, of each PUT.")
    part_size_bytes: BigInt | None = strawberry.field(
        description="The size of each part but the last; null for one PUT."
    )
    parts: list[UploadPart] | None = strawberry.field(
        description="In any order, several at once, and again after a failure; null for one PUT."
    )


@strawberry.type(description="A part that has come.")
class ReceivedPart:
    number: int = strawberry.field(description="Its place in the file, from 1.")
    size_bytes: BigInt = strawberry.field(description="Its size.")
    etag: str = strawberry.field(description="What the store calls this version of it.")


@entity(UploadRow, "upl", description="A file on its way to the store; it lasts a day at most.")
class Upload(Node):
    upload_id: strawberry.ID = column("id", description="The same as `id`.")
    bucket_id: strawberry.ID = strawberry.field(
        description="The bucket whose objects can be made of it."
    )
    filename: str = strawberry.field(description="The name of the file.")
    content_type: str = strawberry.field(description="As in image/png.")
    file_size_bytes: BigInt = column("size_bytes", description="Of the file.")
    file_hash: Sha256 | None = sql(
        _hash, description="Of the file; null until it is confirmed, unless it was announced."
    )
    status: Status = strawberry.field(
        description="PENDING, then COMPLETED once it is confirmed, FAILED if other bytes came, or"
        " CANCELED."
    )
    target: UploadTarget | None = computed(
        sign_targets,
        needs=TARGET_NEEDS,
        description="Where the bytes are sent; null once none are taken, and for keys that may not"
        " write.",
    )
    received_parts: list[ReceivedPart] | None = computed(
        find_parts,
        needs=PARTS_NEEDS,
        description="Which parts have come, so that the rest can be sent after a crash; the store"
        " is asked when this is selected. null for one PUT, and once no part is waited for: confirm"
        " the upload then, if it is PENDING.",
    )
    is_duplicate: bool = strawberry.field(
        description="Whether the namespace had these bytes already."
    )
    error: str | None = strawberry.field(description="Why it failed.")
    expires_at: datetime = strawberry.field(
        description="Until when its links work; once it is confirmed: until when it can be used."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Rises by one with each change.")


@strawberry.type(description="The upload, or why nothing was changed.")
class UploadPayload:
    upload: Upload | None = strawberry.field(default=None, description="The upload.")
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )

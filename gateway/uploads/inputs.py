"""What clients send to upload files."""

from __future__ import annotations

import strawberry

from gateway.payloads import IDEMPOTENCY_KEY
from gateway.scalars import BigInt, Sha256


@strawberry.input(description="A file that is to come.")
class CreateUploadInput:
    bucket_id: strawberry.ID = strawberry.field(
        description="The bucket whose objects are to be made of it."
    )
    filename: str = strawberry.field(description="The name of the file, without a path.")
    content_type: str = strawberry.field(description="As in image/png; to be sent as Content-Type.")
    file_size_bytes: BigInt = strawberry.field(description="The size of the file, exactly.")
    file_hash: Sha256 | None = strawberry.field(
        default=None,
        description="Of the file. Where the namespace has it already, nothing has to be sent; else"
        " nothing but that is taken, and confirming costs no second look.",
    )
    expires_in: int = strawberry.field(
        default=3600, description="For how many seconds the links work: 60 to 86400."
    )
    multipart: bool = strawberry.field(
        default=False,
        description="Send it in parts: for files over 5 GiB, and to go on after a crash.",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A part as its sender knows it.")
class UploadedPartInput:
    number: int = strawberry.field(description="Its place in the file, from 1.")
    etag: str = strawberry.field(description="The ETag header that answered its PUT.")


@strawberry.input(description="An upload whose bytes were sent.")
class ConfirmUploadInput:
    upload_id: strawberry.ID = strawberry.field(description="Which upload.")
    parts: list[UploadedPartInput] | None = strawberry.field(
        default=None,
        description="Of an upload in parts, to be compared with what came; null: take what came.",
    )

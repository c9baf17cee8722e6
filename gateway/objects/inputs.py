"""What clients send to make and change objects."""

from __future__ import annotations

import strawberry

from gateway.enums import InsertPolicy
from gateway.payloads import IDEMPOTENCY_KEY
from gateway.scalars import JSON


@strawberry.input(description="A blob of a new object.")
class CreateBlobInput:
    property: str = strawberry.field(description="A property of the bucket's schema.")
    type: str = strawberry.field(
        description='Its type there, in capitals or not: "PDF" is as good as "pdf".'
    )
    data: JSON | None = strawberry.field(
        default=strawberry.UNSET,
        description="The content: `{base64, mime_type?, filename?, …}` or `{url, mime_type?,"
        " filename?, …}`; a data URI or a URL (image, audio, video, pdf, excel, binary) or the text"
        " itself (text, string); anything else is structured data. URLs are http:// or https://,"
        " whose bytes are fetched, or s3://, which stay where they are.",
    )
    upload_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="A confirmed upload, instead of `data`: the content is the uploaded file.",
    )
    key_prefix: str | None = strawberry.field(
        default=None, description="Its path inside the object."
    )
    metadata: JSON | None = strawberry.field(
        default=None, description="Free keys, merged into `properties`."
    )
    canonicalize_source: bool | None = strawberry.field(
        default=None, description="null: as the object says."
    )
    force_remirror: bool | None = strawberry.field(
        default=None, description="null: as the object says."
    )


@strawberry.input(description="A new object.")
class CreateObjectInput:
    bucket_id: strawberry.ID = strawberry.field(description="The bucket to put it into.")
    key_prefix: str | None = strawberry.field(
        default=None, description='Its path in the bucket, as in "/contract-2024"; null: the root.'
    )
    blobs: list[CreateBlobInput] = strawberry.field(
        default_factory=list, description="Its parts: 100 at most."
    )
    metadata: JSON | None = strawberry.field(
        default=None, description="Free keys that fit the bucket's schema."
    )
    skip_duplicates: bool = strawberry.field(
        default=False, description="Leave out blobs whose content the bucket has already."
    )
    policy: InsertPolicy | None = strawberry.field(
        default=None,
        description="Only where the bucket has a unique key, and instead of its default: what"
        " becomes of an object that has the key. INSERT: this one is refused. UPDATE and UPSERT: it"
        " changes as by a patch; `metadata` is merged into its own (RFC 7396), `blobs` take the"
        " place of those of the same property and keep their ids, blobs of other properties stay,"
        " `keyPrefix` stays where it is null. Its version rises unless nothing changes.",
    )
    canonicalize_source: bool = strawberry.field(
        default=True,
        description="Fetch what http and https URLs name, and keep it; false: keep the URLs alone.",
    )
    force_remirror: bool = strawberry.field(
        default=False,
        description="Store bytes anew even if the namespace has the same already.",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Changes to an object: what is absent stays, null clears.")
class PatchObjectInput:
    id: strawberry.ID = strawberry.field(description="Which object.")
    key_prefix: str | None = strawberry.field(
        default=strawberry.UNSET, description="Its path in the bucket."
    )
    skip_duplicates: bool | None = strawberry.field(
        default=strawberry.UNSET, description="null: false."
    )
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET,
        description="Merged into what is there (RFC 7396); the result has to fit the schema.",
    )
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse the patch if the version is another."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)

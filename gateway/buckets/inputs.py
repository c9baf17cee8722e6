"""What clients send to make and change buckets."""

from __future__ import annotations

import strawberry

from gateway.enums import InsertPolicy, Status
from gateway.payloads import IDEMPOTENCY_KEY
from gateway.scalars import JSON


@strawberry.input(
    description="What tells the objects of a bucket apart: no two of them have equal values in all"
    " of these fields."
)
class UniqueKeyInput:
    fields: list[str] = strawberry.field(
        description="1 to 16 scalar fields of the schema, as paths into the metadata: `sku`,"
        " `size.width`; with dots in a key: `/a.b/c`. Each object has to have a value in each."
        " Numbers are equal by value (1 and 1.0), a number and a string never are."
    )
    default_policy: InsertPolicy | None = strawberry.field(
        default=None,
        description="The policy of objects that bring none; null: each has to bring its own.",
    )


@strawberry.input(description="A new bucket.")
class CreateBucketInput:
    bucket_name: str = strawberry.field(description="Unique in the namespace.")
    bucket_schema: JSON = strawberry.field(
        description="What objects look like: `{properties: {name: {type, description?,"
        " properties?, required?, default?, enum?, items?, examples?}}}`. A property of a blob type"
        " names a blob, any other a metadata key; one called `metadata` of type object describes"
        " the metadata as a whole."
    )
    unique_key: UniqueKeyInput | None = strawberry.field(
        default=None, description="What tells its objects apart; it can never be changed."
    )
    description: str | None = strawberry.field(default=None, description="For people.")
    metadata: JSON | None = strawberry.field(default=None, description="Free keys.")
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Changes to a bucket: what is absent stays, null clears.")
class PatchBucketInput:
    id: strawberry.ID = strawberry.field(description="Which bucket.")
    bucket_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Unique in the namespace."
    )
    description: str | None = strawberry.field(default=strawberry.UNSET, description="For people.")
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Merged into what is there (RFC 7396)."
    )
    is_locked: bool | None = strawberry.field(
        default=strawberry.UNSET, description="true refuses all writes until it is false again."
    )
    status: Status | None = strawberry.field(
        default=strawberry.UNSET, description="ACTIVE, ARCHIVED or SUSPENDED."
    )
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse the patch if the version is another."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)

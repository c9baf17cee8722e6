"""What clients send to make and change collections."""

from __future__ import annotations

import strawberry

from gateway.enums import SourceType
from gateway.payloads import IDEMPOTENCY_KEY
from gateway.scalars import JSON


@strawberry.input(description="What feeds a new collection.")
class CollectionSourceInput:
    type: SourceType = strawberry.field(description="BUCKET or COLLECTION.")
    bucket_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="With BUCKET: at least one bucket."
    )
    collection_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="With COLLECTION: at least one collection."
    )


@strawberry.input(description="A value to hand on from the source.")
class FieldPassthroughInput:
    source_path: str = strawberry.field(description="Where it stands in the source.")
    target_path: str | None = strawberry.field(
        default=None, description="Where it goes in the document; null: the same path."
    )


@strawberry.input(description="What makes a new collection's documents.")
class FeatureExtractorInput:
    name: str = strawberry.field(description="Its name.")
    version: str = strawberry.field(description="Its version.")
    input_mappings: JSON | None = strawberry.field(
        default=None, description="Which path feeds which input: an object of strings."
    )
    field_passthrough: list[FieldPassthroughInput] | None = strawberry.field(
        default=None, description="Values to hand on."
    )
    parameters: JSON | None = strawberry.field(default=None, description="Its settings.")


@strawberry.input(description="A new collection.")
class CreateCollectionInput:
    collection_name: str = strawberry.field(description="Unique in the namespace.")
    source: CollectionSourceInput = strawberry.field(description="What feeds it.")
    feature_extractor: FeatureExtractorInput = strawberry.field(
        description="What makes its documents."
    )
    enabled: bool = strawberry.field(default=True, description="Whether runs feed it.")
    metadata: JSON | None = strawberry.field(default=None, description="Free keys.")
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Changes to a collection: what is absent stays, null clears.")
class PatchCollectionInput:
    id: strawberry.ID = strawberry.field(description="Which collection.")
    collection_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Unique in the namespace."
    )
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether runs feed it."
    )
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Merged into what is there (RFC 7396)."
    )
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse the patch if the version is another."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)

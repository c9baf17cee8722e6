"""What clients send to make and change documents."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.enums import BlobRole, FieldType, SourceType
from gateway.payloads import IDEMPOTENCY_KEY
from gateway.scalars import JSON


@strawberry.input(description="A step that a caller states; it has to agree with the parent.")
class LineageStepInput:
    collection_id: strawberry.ID = strawberry.field(description="Where the step put its result.")
    feature_extractor_id: str = strawberry.field(
        description="The extractor's name and version, as in `face_detector_v2`."
    )
    document_id: strawberry.ID | None = strawberry.field(
        default=None, description="The document it made, on the way."
    )
    timestamp: datetime | None = strawberry.field(
        default=None, description="When it was made; null: now."
    )


@strawberry.input(description="What an extractor found.")
class FeatureInput:
    feature_extractor_id: str = strawberry.field(description="What found it.")
    payload: JSON = strawberry.field(description="Kept as it is.")


@strawberry.input(description="A blob that the document was made from.")
class SourceBlobRefInput:
    blob_id: strawberry.ID = strawberry.field(description="A blob of the root object.")
    blob_property: str | None = strawberry.field(
        default=None, description="Its property; if given, it has to be right."
    )
    blob_type: FieldType | None = strawberry.field(
        default=None, description="Its type; if given, it has to be right."
    )


@strawberry.input(description="An artifact of the new document.")
class CreateDocumentBlobInput:
    field: str = strawberry.field(description="Its name in the document.")
    role: BlobRole = strawberry.field(description="The part it plays.")
    type: str = strawberry.field(description="Its type, in capitals or not.")
    data: JSON | None = strawberry.field(
        default=strawberry.UNSET,
        description="The content, as in a blob of an object; what a URL names is fetched.",
    )
    upload_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="A confirmed upload, instead of `data`: the content is the uploaded file.",
    )
    filename: str | None = strawberry.field(default=None, description="The name to save it under.")
    content_type: str | None = strawberry.field(default=None, description="As in image/png.")
    source_blob_id: strawberry.ID | None = strawberry.field(
        default=None, description="The object's blob it was made from."
    )


@strawberry.input(
    description="A new document. What is left out is derived from its source; what is stated has"
    " to agree with it."
)
class CreateDocumentInput:
    collection_id: strawberry.ID = strawberry.field(description="The collection to put it into.")
    root_object_id: strawberry.ID | None = strawberry.field(
        default=None, description="The object at the root of its lineage."
    )
    root_bucket_id: strawberry.ID | None = strawberry.field(
        default=None, description="That object's bucket."
    )
    source_type: SourceType | None = strawberry.field(
        default=None, description="BUCKET with an object, COLLECTION with a document."
    )
    source_collection_id: strawberry.ID | None = strawberry.field(
        default=None, description="The collection of the source document."
    )
    source_document_id: strawberry.ID | None = strawberry.field(
        default=None, description="The document it is made from."
    )
    source_object_id: strawberry.ID | None = strawberry.field(
        default=None, description="The object it is made from."
    )
    lineage_path: str | None = strawberry.field(
        default=None, description="The root bucket and the collections down to its own."
    )
    lineage_chain: list[LineageStepInput] | None = strawberry.field(
        default=None, description="The steps from the root object to this document."
    )
    features: list[FeatureInput] | None = strawberry.field(
        default=None, description="What the extractor found."
    )
    metadata: JSON | None = strawberry.field(
        default=None, description="Free keys, added to those of the root object."
    )
    source_blobs: list[SourceBlobRefInput] | None = strawberry.field(
        default=None, description="Blobs of the root object; null: those of its source."
    )
    document_blobs: list[CreateDocumentBlobInput] | None = strawberry.field(
        default=None, description="Its artifacts."
    )
    vector: list[float] | None = strawberry.field(default=None, description="Its embedding.")
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Changes to a document: what is absent stays, null clears.")
class PatchDocumentInput:
    id: strawberry.ID = strawberry.field(description="Which document.")
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Merged into what is there (RFC 7396)."
    )
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse the patch if the version is another."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)

"""Makes documents: what is left out derived, what is stated checked against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, insert

from gateway.blobs.store import BlobStore
from gateway.checks import check_json, check_name, check_object, refuse
from gateway.database.ids import new_id
from gateway.database.pool import Transaction
from gateway.database.violations import on_violation
from gateway.documents import deriving, source_blobs
from gateway.documents.artifacts import Artifact, GivenArtifact, read_artifacts
from gateway.documents.contradictions import Contradiction, told
from gateway.documents.deriving import Lineage
from gateway.documents.origin import Origin, find_origin
from gateway.documents.source_blobs import SourceBlob
from gateway.documents.tables import DocumentBlobRow, DocumentRow
from gateway.enums import Status
from gateway.errors import GatewayError, InvalidInput, NotFound, TooLarge
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects import contents
from gateway.threads import off_loop

MOST_DIMENSIONS = 65_536

_METADATA = ("metadata",)
_ADD = insert(DocumentRow).values(
    namespace_id=bindparam("namespace_id"),
    id=bindparam("id"),
    collection_id=bindparam("collection_id"),
    root_object_id=bindparam("root_object_id"),
    root_bucket_id=bindparam("root_bucket_id"),
    source_type=bindparam("source_type"),
    source_collection_id=bindparam("source_collection_id"),
    source_document_id=bindparam("source_document_id"),
    source_object_id=bindparam("source_object_id"),
    lineage_path=bindparam("lineage_path"),
    lineage_chain=bindparam("lineage_chain"),
    source_blobs=bindparam("source_blobs"),
    features=bindparam("features"),
    vector=bindparam("vector"),
    metadata_=bindparam("metadata"),
    internal_metadata=bindparam("internal_metadata"),
    status=Status.COMPLETED,
)
_ADD_BLOB = insert(DocumentBlobRow).values(
    namespace_id=bindparam("namespace_id"),
    document_id=bindparam("document_id"),
    position=bindparam("position"),
    field=bindparam("field"),
    role=bindparam("role"),
    type=bindparam("type"),
    properties=bindparam("properties"),
    filename=bindparam("filename"),
    size_bytes=bindparam("size_bytes"),
    content_type=bindparam("content_type"),
    hash=bindparam("hash"),
    has_bytes=bindparam("has_bytes"),
    source_blob_id=bindparam("source_blob_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenDocument:
    """A document as a caller sends it.

    Args:
        stated: What the caller says of its lineage; the rest is derived.
        metadata: A JSON object is right.
        features: For each its extractor's id and its payload.
        source_blobs: None: those that its source has.
    """

    collection_id: str
    stated: Lineage
    metadata: Any
    features: Sequence[tuple[str, Any]] = ()
    source_blobs: Sequence[SourceBlob] | None = None
    artifacts: Sequence[GivenArtifact] = ()
    vector: Sequence[float] | None = None


async def create_document(
    tx: Transaction, store: BlobStore, limits: Limits, given: GivenDocument
) -> str:
    """Keep a document and its artifacts; return its id.

    Its metadata is that of the root object, with the caller's keys in place of equal ones.

    Raises:
        NotFound: An id that is stated is not here.
        InvalidInput: Something stated does not agree with the source, or cannot be as it is.
        TooLarge: Something is beyond its limit.
        Refused: Several of these.
        Unavailable: The store cannot keep the bytes.
    """
    gathering = Gathering()
    artifacts: list[Artifact] = []
    origin = None
    with gathering.below():
        # Not on the event loop: 10 MiB of structured data take seconds to become canonical.
        weight = [given.metadata, given.features, given.vector, [a.data for a in given.artifacts]]
        artifacts = await off_loop(weight, _read_content, given, limits)
    with gathering.below():
        origin = await find_origin(tx, collection_id=given.collection_id, stated=given.stated)
    if origin is None:
        refuse(gathering.failures)
    gathering.failures += await told(tx, list(_contradictions(given, origin)))
    gathering.end()
    metadata = _merged(origin.root_metadata, given.metadata, limits)

    await contents.keep(tx, store, contents=[each.content for each in artifacts])
    document_id = new_id("doc")
    lineage = deriving.with_stated_times(origin.lineage, given.stated)
    with on_violation(**_if_gone(origin)):
        await tx.run(
            _ADD,
            namespace_id=tx.namespace_id,
            id=document_id,
            collection_id=given.collection_id,
            features=[
                {"feature_extractor_id": extractor, "payload": payload}
                for extractor, payload in given.features
            ],
            source_blobs=[each._asdict() for each in _chosen(given, origin)],
            vector=given.vector,
            metadata=metadata,
            internal_metadata={
                "ingestion_status": Status.COMPLETED,
                "feature_extractor_config_hash": origin.config_hash,
            },
            **lineage.columns,
        )
    if artifacts:
        mine = {"namespace_id": tx.namespace_id, "document_id": document_id}
        rows = [_row(artifact, position) for position, artifact in enumerate(artifacts)]
        await tx.run_many(_ADD_BLOB, [row | mine for row in rows])
    return document_id


def _read_content(given: GivenDocument, limits: Limits) -> list[Artifact]:
    """Return the artifacts, or raise all that is wrong whatever is stored."""
    gathering = Gathering()
    artifacts: list[Artifact] = []
    with gathering.below():
        check_object(given.metadata, _METADATA, most_bytes=limits.metadata_bytes)
    with gathering.below():
        _check_features(given.features, limits)
    with gathering.below():
        _check_vector(given.vector)
    with gathering.below():
        artifacts = read_artifacts(given.artifacts, limits)
    gathering.end()
    return artifacts


def _check_features(features: Sequence[tuple[str, Any]], limits: Limits) -> None:
    root = ("features",)
    for index, (extractor, _) in enumerate(features):
        check_name(
            extractor, (*root, str(index), "featureExtractorId"), most=limits.name_characters
        )
    check_json(
        [{"payload": payload} for _, payload in features], root, most_bytes=limits.inline_bytes
    )


def _check_vector(vector: Sequence[float] | None) -> None:
    path = ("vector",)
    if vector is None:
        return
    if not 1 <= len(vector) <= MOST_DIMENSIONS:
        raise InvalidInput(
            f"vector has {len(vector)} numbers; it has to have 1 to {MOST_DIMENSIONS}", path
        )
    for index, number in enumerate(vector):
        if not math.isfinite(number):
            raise InvalidInput("a vector is made of finite numbers", (*path, str(index)))


def _contradictions(given: GivenDocument, origin: Origin) -> Iterator[Contradiction]:
    yield from deriving.contradictions(given.stated, origin.lineage)
    yield from source_blobs.contradictions(given.source_blobs or (), origin.root_blobs)
    for index, artifact in enumerate(given.artifacts):
        blob_id = artifact.source_blob_id
        if blob_id is not None and blob_id not in origin.root_blobs:
            path = ("documentBlobs", str(index), "sourceBlobId")
            yield source_blobs.not_of_root(blob_id, path)


def _chosen(given: GivenDocument, origin: Origin) -> Sequence[SourceBlob]:
    if given.source_blobs is None:
        return origin.source_blobs
    return [origin.root_blobs[each.blob_id] for each in given.source_blobs]


def _merged(root: Mapping[str, Any], own: dict[str, Any], limits: Limits) -> dict[str, Any]:
    merged = {**root, **own}
    size_bytes = len(orjson.dumps(merged))
    if size_bytes > limits.metadata_bytes:
        raise TooLarge(
            f"metadata has {size_bytes} bytes together with that of the root object;"
            f" the most is {limits.metadata_bytes}",
            _METADATA,
        )
    return merged


def _if_gone(origin: Origin) -> dict[str, GatewayError]:
    """Return what to say where a deletion has come first, by the constraint that tells of it."""
    gone = NotFound("this was deleted just now", (origin.named_by,))
    names = ("root_object_id", "root_bucket_id", "source_document_id", "source_object_id")
    return {f"fk_documents_namespace_id_{name}": gone for name in names}


def _row(artifact: Artifact, position: int) -> dict[str, Any]:
    content = artifact.content
    return {
        "position": position,
        "field": artifact.field,
        "role": artifact.role,
        "type": artifact.type,
        "properties": content.properties,
        "filename": content.filename,
        "size_bytes": content.size_bytes,
        "content_type": content.mime_type,
        "hash": content.hash,
        "has_bytes": content.data is not None,
        "source_blob_id": artifact.source_blob_id,
    }

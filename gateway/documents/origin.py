"""Finds what a new document is made of, and derives its lineage from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, func, select

from gateway.buckets.tables import BucketRow
from gateway.checks import refuse
from gateway.collections.extractors import config_hash, extractor_id
from gateway.collections.tables import CollectionRow
from gateway.database.pool import Transaction
from gateway.documents import deriving
from gateway.documents.contradictions import not_found
from gateway.documents.deriving import Lineage, Step
from gateway.documents.source_blobs import SourceBlob
from gateway.documents.standing import in_standing_bucket
from gateway.documents.tables import DocumentRow
from gateway.gathering import Gathering
from gateway.objects.tables import BlobRow, ObjectRow

_NAMESPACE_ID: BindParameter[str] = bindparam("namespace_id")
_ID: BindParameter[str] = bindparam("id")


def _this(row: type[Any]) -> ColumnElement[bool]:
    return and_(row.namespace_id == _NAMESPACE_ID, row.id == _ID)


_FIND_COLLECTION = select(
    CollectionRow.id,
    CollectionRow.extractor_name,
    CollectionRow.extractor_version,
    CollectionRow.input_mappings,
    CollectionRow.field_passthrough,
    CollectionRow.parameters,
    func.now().label("now"),
).where(_this(CollectionRow))
_FIND_BUCKET = select(BucketRow.id).where(
    _this(BucketRow), in_standing_bucket(BucketRow.namespace_id, BucketRow.id)
)
_FIND_OBJECT = select(ObjectRow.bucket_id, ObjectRow.metadata_).where(
    _this(ObjectRow), in_standing_bucket(ObjectRow.namespace_id, ObjectRow.bucket_id)
)
_FIND_DOCUMENT = (
    select(
        DocumentRow.root_object_id,
        DocumentRow.root_bucket_id,
        DocumentRow.lineage_path,
        DocumentRow.lineage_chain,
        DocumentRow.source_blobs,
        ObjectRow.metadata_,
    )
    .outerjoin(
        ObjectRow,
        and_(
            ObjectRow.namespace_id == DocumentRow.namespace_id,
            ObjectRow.id == DocumentRow.root_object_id,
        ),
    )
    .where(
        _this(DocumentRow),
        in_standing_bucket(DocumentRow.namespace_id, DocumentRow.root_bucket_id),
    )
)
_FIND_BLOBS = (
    select(BlobRow.id, BlobRow.property, BlobRow.type)
    .where(BlobRow.namespace_id == _NAMESPACE_ID, BlobRow.object_id == _ID)
    .order_by(BlobRow.position)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a new document is made of.

    Args:
        named_by: The input that names it; empty where there is nothing.
        root_metadata: Of the root object.
        root_blobs: Of the root object, by their ids, in their order.
        source_blobs: Those of them that the source has itself.
        config_hash: Of the extractor that makes it.
    """

    lineage: Lineage
    named_by: str
    root_metadata: Mapping[str, Any]
    root_blobs: Mapping[str, SourceBlob]
    source_blobs: Sequence[SourceBlob]
    config_hash: str


class _Source(NamedTuple):
    """Where lineage goes on from; ``blobs`` None: all of the root object's."""

    derive: Callable[[Step], Lineage]
    named_by: str = ""
    root_metadata: Mapping[str, Any] = {}
    blobs: Sequence[SourceBlob] | None = None


async def find_origin(tx: Transaction, *, collection_id: str, stated: Lineage) -> Origin:
    """Return what a document of a collection is made of, as far as a caller states it.

    Whether the rest of what is stated agrees with that is for ``deriving.contradictions``.

    Raises:
        NotFound: The collection, or what the document is made from, is not here.
        InvalidInput: What is stated of the source does not fit together.
        TooLarge: The lineage would be too deep.
        Refused: Several of these.
    """
    gathering = Gathering()
    collection = source = None
    with gathering.below():
        collection = await tx.row(_FIND_COLLECTION, namespace_id=tx.namespace_id, id=collection_id)
        if collection is None:
            raise not_found("col", collection_id, ("collectionId",))
    with gathering.below():
        deriving.check_source(stated)
        source = await _find_source(tx, stated)
    if collection is None or source is None:
        refuse(gathering.failures)

    extractor = extractor_id(collection["extractor_name"], collection["extractor_version"])
    own = Step(collection_id, extractor, timestamp=collection["now"].isoformat())
    lineage = source.derive(own)
    blobs = await _find_blobs(tx, lineage.root_object_id)
    return Origin(
        lineage=lineage,
        named_by=source.named_by,
        root_metadata=source.root_metadata,
        root_blobs=blobs,
        source_blobs=list(blobs.values()) if source.blobs is None else source.blobs,
        config_hash=config_hash(dict(collection)),
    )


async def _find_source(tx: Transaction, stated: Lineage) -> _Source:
    if stated.source_document_id is not None:
        return await _get_document(tx, stated.source_document_id)
    if stated.source_object_id is not None:
        return await _get_object(
            tx, stated.source_object_id, deriving.of_object, named_by="sourceObjectId"
        )
    if stated.root_object_id is not None:
        return await _get_object(
            tx, stated.root_object_id, deriving.of_root, named_by="rootObjectId"
        )
    bucket_id = stated.root_bucket_id
    derive = partial(deriving.of_root, object_id=None, bucket_id=bucket_id)
    if bucket_id is None:
        return _Source(derive)
    found = await tx.value(_FIND_BUCKET, namespace_id=tx.namespace_id, id=bucket_id)
    if found is None:
        raise not_found("bkt", bucket_id, ("rootBucketId",))
    return _Source(derive, "rootBucketId")


async def _get_document(tx: Transaction, document_id: str) -> _Source:
    field = "sourceDocumentId"
    row = await tx.row(_FIND_DOCUMENT, namespace_id=tx.namespace_id, id=document_id)
    if row is None:
        raise not_found("doc", document_id, (field,))
    parent = Lineage(
        root_object_id=row["root_object_id"],
        root_bucket_id=row["root_bucket_id"],
        lineage_path=row["lineage_path"],
        lineage_chain=tuple(Step(**step) for step in row["lineage_chain"]),
    )
    return _Source(
        partial(deriving.of_document, parent_id=document_id, parent=parent),
        field,
        row["metadata"] or {},
        [SourceBlob(**blob) for blob in row["source_blobs"]],
    )


async def _get_object(
    tx: Transaction, object_id: str, derive: Callable[..., Lineage], *, named_by: str
) -> _Source:
    row = await tx.row(_FIND_OBJECT, namespace_id=tx.namespace_id, id=object_id)
    if row is None:
        raise not_found("obj", object_id, (named_by,))
    return _Source(
        partial(derive, object_id=object_id, bucket_id=row["bucket_id"]), named_by, row["metadata"]
    )


async def _find_blobs(tx: Transaction, object_id: str | None) -> dict[str, SourceBlob]:
    if object_id is None:
        return {}
    rows = await tx.rows(_FIND_BLOBS, namespace_id=tx.namespace_id, id=object_id)
    return {row["id"]: SourceBlob(row["id"], row["property"], row["type"]) for row in rows}

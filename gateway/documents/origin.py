"""Finds what new documents are made of, and derives their lineage from that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Text,
    and_,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.sql import ClauseElement

from gateway.buckets.tables import BucketRow
from gateway.collections.extractors import config_hash, extractor_id
from gateway.collections.tables import CollectionRow
from gateway.database.transaction import Transaction
from gateway.documents import deriving
from gateway.documents.contradictions import not_found
from gateway.documents.deriving import Lineage, Step
from gateway.documents.source_blobs import SourceBlob
from gateway.documents.standing import in_standing_bucket
from gateway.documents.tables import DocumentRow
from gateway.errors import Refused, UserFailure
from gateway.gathering import Gathering, refuse
from gateway.objects.tables import BlobRow, ObjectRow

_NAMESPACE_ID: BindParameter[str] = bindparam("namespace_id")
_IDS = bindparam("ids", type_=ARRAY(Text))


def _these(row: type[Any]) -> ColumnElement[bool]:
    return and_(row.namespace_id == _NAMESPACE_ID, row.id == any_(_IDS))


_FIND_COLLECTIONS = select(
    CollectionRow.id,
    CollectionRow.extractor_name,
    CollectionRow.extractor_version,
    CollectionRow.input_mappings,
    CollectionRow.field_passthrough,
    CollectionRow.parameters,
    func.now().label("now"),
).where(_these(CollectionRow))
_FIND_BUCKETS = select(BucketRow.id).where(
    _these(BucketRow), in_standing_bucket(BucketRow.namespace_id, BucketRow.id)
)
_FIND_OBJECTS = select(ObjectRow.id, ObjectRow.bucket_id, ObjectRow.metadata_).where(
    _these(ObjectRow), in_standing_bucket(ObjectRow.namespace_id, ObjectRow.bucket_id)
)
_FIND_DOCUMENTS = (
    select(
        DocumentRow.id,
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
        _these(DocumentRow),
        in_standing_bucket(DocumentRow.namespace_id, DocumentRow.root_bucket_id),
    )
)
_FIND_BLOBS = (
    select(BlobRow.object_id, BlobRow.id, BlobRow.property, BlobRow.type)
    .where(BlobRow.namespace_id == _NAMESPACE_ID, BlobRow.object_id == any_(_IDS))
    .order_by(BlobRow.object_id, BlobRow.position)
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


Outcome = Origin | UserFailure | Refused


async def find_origins(tx: Transaction, wanted: Sequence[tuple[str, Lineage]]) -> list[Outcome]:
    """Return what documents are made of, as far as a caller states it, or why that cannot be.

    Whether the rest of what is stated agrees with that is for ``deriving.contradictions``.

    Args:
        wanted: For each document the id of its collection, and what is stated.

    Returns:
        For each an origin, or what speaks against it: a ``NotFound`` where the collection or what
        the document is made from is not here, an ``InvalidInput`` where what is stated of the
        source does not fit together, a ``TooLarge`` where the lineage would be too deep.
    """
    things = await _find_things(tx, wanted)
    outcomes: list[Outcome] = []
    for collection_id, stated in wanted:
        try:
            outcomes.append(_origin(things, collection_id, stated))
        except (UserFailure, Refused) as failure:
            outcomes.append(failure)
    return outcomes


class _Collection(NamedTuple):
    """What a collection gives to its documents."""

    step: Step
    config_hash: str


class _Parent(NamedTuple):
    """A document that others are made from."""

    lineage: Lineage
    root_metadata: Mapping[str, Any]
    source_blobs: Sequence[SourceBlob]


class _Things(NamedTuple):
    """What is there of all that documents name, by ids."""

    collections: Mapping[str, _Collection]
    documents: Mapping[str, _Parent]
    objects: Mapping[str, asyncpg.Record]
    buckets: Mapping[str, asyncpg.Record]
    # Of each object by their own ids, in their order.
    blobs: Mapping[str, Mapping[str, SourceBlob]]


async def _find_things(tx: Transaction, wanted: Sequence[tuple[str, Lineage]]) -> _Things:
    stated = [lineage for _, lineage in wanted]
    # What goes before decides; the rest is compared with what is derived from that.
    objects_named = [
        each.source_object_id or each.root_object_id
        for each in stated
        if each.source_document_id is None
    ]
    buckets_named = [
        each.root_bucket_id
        for each in stated
        if not (each.source_document_id or each.source_object_id or each.root_object_id)
    ]
    collections = await _find(tx, _FIND_COLLECTIONS, (id for id, _ in wanted))
    documents = await _find(tx, _FIND_DOCUMENTS, (each.source_document_id for each in stated))
    objects = await _find(tx, _FIND_OBJECTS, objects_named)
    buckets = await _find(tx, _FIND_BUCKETS, buckets_named)
    roots = {*objects, *(row["root_object_id"] for row in documents.values())} - {None}
    blobs: dict[str, dict[str, SourceBlob]] = {}
    if roots:
        rows = await tx.rows(_FIND_BLOBS, namespace_id=tx.namespace_id, ids=list(roots))
        for object_id, id, property, kind in rows:
            blobs.setdefault(object_id, {})[id] = SourceBlob(id, property, kind)
    return _Things(
        {id: _collection(row) for id, row in collections.items()},
        {id: _parent(row) for id, row in documents.items()},
        objects,
        buckets,
        blobs,
    )


async def _find(
    tx: Transaction, statement: ClauseElement, ids: Iterable[str | None]
) -> dict[str, asyncpg.Record]:
    """Return the rows that are there, by their ids."""
    given = {id for id in ids if id is not None}
    if not given:
        return {}
    rows = await tx.rows(statement, namespace_id=tx.namespace_id, ids=list(given))
    return {row["id"]: row for row in rows}


def _collection(row: asyncpg.Record) -> _Collection:
    extractor = extractor_id(row["extractor_name"], row["extractor_version"])
    step = Step(row["id"], extractor, timestamp=row["now"].isoformat())
    return _Collection(step, config_hash(dict(row)))


def _parent(row: asyncpg.Record) -> _Parent:
    lineage = Lineage(
        root_object_id=row["root_object_id"],
        root_bucket_id=row["root_bucket_id"],
        lineage_path=row["lineage_path"],
        lineage_chain=tuple(Step(**step) for step in row["lineage_chain"]),
    )
    return _Parent(
        lineage, row["metadata"] or {}, [SourceBlob(**blob) for blob in row["source_blobs"]]
    )


def _origin(things: _Things, collection_id: str, stated: Lineage) -> Origin:
    gathering = Gathering()
    collection = source = None
    with gathering.below():
        collection = things.collections.get(collection_id)
        if collection is None:
            raise not_found("col", collection_id, ("collectionId",))
    with gathering.below():
        deriving.check_source(stated)
        source = _source(things, stated)
    if collection is None or source is None:
        refuse(gathering.failures)

    lineage = source.derive(collection.step)
    blobs = things.blobs.get(lineage.root_object_id or "", {})
    return Origin(
        lineage=lineage,
        named_by=source.named_by,
        root_metadata=source.root_metadata,
        root_blobs=blobs,
        source_blobs=list(blobs.values()) if source.blobs is None else source.blobs,
        config_hash=collection.config_hash,
    )


class _Source(NamedTuple):
    """Where lineage goes on from; ``blobs`` None: all of the root object's."""

    derive: Callable[[Step], Lineage]
    named_by: str = ""
    root_metadata: Mapping[str, Any] = {}
    blobs: Sequence[SourceBlob] | None = None


def _source(things: _Things, stated: Lineage) -> _Source:
    if stated.source_document_id is not None:
        return _document(things, stated.source_document_id)
    if stated.source_object_id is not None:
        return _object(
            things, stated.source_object_id, deriving.of_object, named_by="sourceObjectId"
        )
    if stated.root_object_id is not None:
        return _object(things, stated.root_object_id, deriving.of_root, named_by="rootObjectId")
    bucket_id = stated.root_bucket_id
    derive = partial(deriving.of_root, object_id=None, bucket_id=bucket_id)
    if bucket_id is None:
        return _Source(derive)
    if bucket_id not in things.buckets:
        raise not_found("bkt", bucket_id, ("rootBucketId",))
    return _Source(derive, "rootBucketId")


def _document(things: _Things, document_id: str) -> _Source:
    field = "sourceDocumentId"
    parent = things.documents.get(document_id)
    if parent is None:
        raise not_found("doc", document_id, (field,))
    derive = partial(deriving.of_document, parent_id=document_id, parent=parent.lineage)
    return _Source(derive, field, parent.root_metadata, parent.source_blobs)


def _object(
    things: _Things, object_id: str, derive: Callable[..., Lineage], *, named_by: str
) -> _Source:
    row = things.objects.get(object_id)
    if row is None:
        raise not_found("obj", object_id, (named_by,))
    return _Source(
        partial(derive, object_id=object_id, bucket_id=row["bucket_id"]), named_by, row["metadata"]
    )

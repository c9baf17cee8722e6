"""Finds what new documents refer to: collections, parents, objects with their blobs, buckets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from gateway.documents.deriving import Lineage, Step
from gateway.documents.source_blobs import SourceBlob
from gateway.documents.standing import in_standing_bucket
from gateway.documents.tables import DocumentRow
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


class _Collection(NamedTuple):
    """What a collection gives to its documents."""

    step: Step
    config_hash: str


class _Parent(NamedTuple):
    """A document that others are made from."""

    lineage: Lineage
    root_metadata: Mapping[str, Any]
    source_blobs: Sequence[SourceBlob]


class Referenced(NamedTuple):
    """What is there of all that documents name, by ids."""

    collections: Mapping[str, _Collection]
    documents: Mapping[str, _Parent]
    objects: Mapping[str, asyncpg.Record]
    buckets: Mapping[str, asyncpg.Record]
    # Of each object by their own ids, in their order.
    blobs: Mapping[str, Mapping[str, SourceBlob]]


async def find_referenced(tx: Transaction, wanted: Sequence[tuple[str, Lineage]]) -> Referenced:
    """Return what documents refer to, as far as it is here.

    Args:
        wanted: For each document the id of its collection, and what is stated of its lineage.
    """
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
    return Referenced(
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

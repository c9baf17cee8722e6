"""What new documents are made of, and the lineage that is derived from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from gateway.database.transaction import Transaction
from gateway.documents import deriving
from gateway.documents.contradictions import not_found
from gateway.documents.deriving import Lineage, Step
from gateway.documents.referenced import Referenced, find_referenced
from gateway.documents.source_blobs import SourceBlob
from gateway.errors import Refused, UserFailure
from gateway.gathering import Gathering, refuse


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
    referenced = await find_referenced(tx, wanted)
    outcomes: list[Outcome] = []
    for collection_id, stated in wanted:
        try:
            outcomes.append(_origin(referenced, collection_id, stated))
        except (UserFailure, Refused) as failure:
            outcomes.append(failure)
    return outcomes


def _origin(referenced: Referenced, collection_id: str, stated: Lineage) -> Origin:
    gathering = Gathering()
    collection = source = None
    with gathering.below():
        collection = referenced.collections.get(collection_id)
        if collection is None:
            raise not_found("col", collection_id, ("collectionId",))
    with gathering.below():
        deriving.check_source(stated)
        source = _source(referenced, stated)
    if collection is None or source is None:
        refuse(gathering.failures)

    lineage = source.derive(collection.step)
    blobs = referenced.blobs.get(lineage.root_object_id or "", {})
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


def _source(referenced: Referenced, stated: Lineage) -> _Source:
    if stated.source_document_id is not None:
        return _document(referenced, stated.source_document_id)
    if stated.source_object_id is not None:
        return _object(
            referenced, stated.source_object_id, deriving.of_object, named_by="sourceObjectId"
        )
    if stated.root_object_id is not None:
        return _object(referenced, stated.root_object_id, deriving.of_root, named_by="rootObjectId")
    bucket_id = stated.root_bucket_id
    derive = partial(deriving.of_root, object_id=None, bucket_id=bucket_id)
    if bucket_id is None:
        return _Source(derive)
    if bucket_id not in referenced.buckets:
        raise not_found("bkt", bucket_id, ("rootBucketId",))
    return _Source(derive, "rootBucketId")


def _document(referenced: Referenced, document_id: str) -> _Source:
    field = "sourceDocumentId"
    parent = referenced.documents.get(document_id)
    if parent is None:
        raise not_found("doc", document_id, (field,))
    derive = partial(deriving.of_document, parent_id=document_id, parent=parent.lineage)
    return _Source(derive, field, parent.root_metadata, parent.source_blobs)


def _object(
    referenced: Referenced, object_id: str, derive: Callable[..., Lineage], *, named_by: str
) -> _Source:
    row = referenced.objects.get(object_id)
    if row is None:
        raise not_found("obj", object_id, (named_by,))
    return _Source(
        partial(derive, object_id=object_id, bucket_id=row["bucket_id"]), named_by, row["metadata"]
    )

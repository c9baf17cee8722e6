"""Where a document comes from, derived from what it is made of; nothing here asks the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from gateway.documents.contradictions import Contradiction, compare
from gateway.enums import SourceType
from gateway.errors import InvalidInput, TooLarge
from gateway.lineage.graph import DEEPEST

_ALLOWED = (SourceType.BUCKET, SourceType.COLLECTION)


class Step(NamedTuple):
    """One step from the root object to a document, as it is stored.

    Args:
        document_id: What the step made on the way; None for the document itself, whose id is new.
        timestamp: RFC 3339; None only where a caller leaves it open.
    """

    collection_id: str
    feature_extractor_id: str
    document_id: str | None = None
    timestamp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a document comes from: as it is stored, or as far as a caller states it.

    Args:
        lineage_chain: None only where a caller does not state it.
    """

    root_object_id: str | None = None
    root_bucket_id: str | None = None
    source_type: str | None = None
    source_collection_id: str | None = None
    source_document_id: str | None = None
    source_object_id: str | None = None
    lineage_path: str | None = None
    lineage_chain: tuple[Step, ...] | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of ``documents`` that keep this."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return values | {"lineage_chain": [step._asdict() for step in self.lineage_chain or ()]}


def of_root(own: Step, *, object_id: str | None, bucket_id: str | None) -> Lineage:
    """Return the lineage of a document of which the root is known at most."""
    return Lineage(
        root_object_id=object_id,
        root_bucket_id=bucket_id,
        lineage_path=_path(bucket_id, own),
        lineage_chain=(own,),
    )


def of_object(own: Step, *, object_id: str, bucket_id: str) -> Lineage:
    """Return the lineage of a document that is made from an object."""
    return replace(
        of_root(own, object_id=object_id, bucket_id=bucket_id),
        source_type=SourceType.BUCKET,
        source_object_id=object_id,
    )


def of_document(own: Step, *, parent_id: str, parent: Lineage) -> Lineage:
    """Return the lineage of a document that is made from another, its parent.

    Raises:
        TooLarge: The parent stands as deep as documents may.
    """
    *way, last = parent.lineage_chain or ()
    if len(way) + 1 == DEEPEST:
        raise TooLarge(
            f"the source document is {DEEPEST} steps from its root, which is the most",
            ("sourceDocumentId",),
        )
    return Lineage(
        root_object_id=parent.root_object_id,
        root_bucket_id=parent.root_bucket_id,
        source_type=SourceType.COLLECTION,
        source_collection_id=last.collection_id,
        source_document_id=parent_id,
        lineage_path=_path(parent.lineage_path, own),
        lineage_chain=(*way, last._replace(document_id=parent_id), own),
    )


def check_source(stated: Lineage) -> None:
    """Check that what is stated of the source itself fits together, whatever is stored.

    Raises:
        InvalidInput: It does not.
    """
    kind = stated.source_type
    if kind is not None and kind not in _ALLOWED:
        raise InvalidInput(
            f"a document is not made from a {kind}", ("sourceType",), allowed=_ALLOWED
        )
    by_object = stated.source_object_id is not None
    by_document = stated.source_document_id is not None
    if by_object and by_document:
        raise InvalidInput(
            "a document is made from an object or from a document;"
            " leave out sourceDocumentId or sourceObjectId",
            ("sourceDocumentId",),
        )
    if by_object and kind == SourceType.COLLECTION:
        raise InvalidInput(
            "where sourceObjectId is given, sourceType is BUCKET",
            ("sourceType",),
            allowed=(SourceType.BUCKET,),
        )
    if by_document and kind == SourceType.BUCKET:
        raise InvalidInput(
            "where sourceDocumentId is given, sourceType is COLLECTION",
            ("sourceType",),
            allowed=(SourceType.COLLECTION,),
        )
    if kind == SourceType.BUCKET and not by_object:
        raise InvalidInput(
            "sourceType is BUCKET, so the object it is made from is needed", ("sourceObjectId",)
        )
    if kind == SourceType.COLLECTION and not by_document:
        raise InvalidInput(
            "sourceType is COLLECTION, so the document it is made from is needed",
            ("sourceDocumentId",),
        )
    if stated.source_collection_id is not None and not by_document:
        raise InvalidInput(
            "sourceCollectionId goes with sourceDocumentId; give both or neither",
            ("sourceCollectionId",),
        )


def contradictions(stated: Lineage, derived: Lineage) -> Iterator[Contradiction]:
    """Yield what is stated otherwise than it is derived."""
    ids = (
        ("rootObjectId", stated.root_object_id, derived.root_object_id, "obj"),
        ("rootBucketId", stated.root_bucket_id, derived.root_bucket_id, "bkt"),
        ("sourceCollectionId", stated.source_collection_id, derived.source_collection_id, "col"),
    )
    for field, given, right, prefix in ids:
        yield from compare((field,), given, right, prefix=prefix)
    yield from compare(("lineagePath",), stated.lineage_path, derived.lineage_path)
    if stated.lineage_chain is not None:
        yield from _compare_chains(stated.lineage_chain, derived.lineage_chain or ())


def with_stated_times(derived: Lineage, stated: Lineage) -> Lineage:
    """Return the lineage with the timestamps that a stated chain, which agrees with it, brings."""
    if stated.lineage_chain is None:
        return derived
    pairs = zip(derived.lineage_chain or (), stated.lineage_chain, strict=True)
    chain = tuple(own._replace(timestamp=given.timestamp or own.timestamp) for own, given in pairs)
    return replace(derived, lineage_chain=chain)


def _path(above: str | None, own: Step) -> str | None:
    return None if above is None else f"{above}/{own.collection_id}"


def _compare_chains(stated: Sequence[Step], derived: Sequence[Step]) -> Iterator[Contradiction]:
    path = ("lineageChain",)
    if len(stated) != len(derived):
        way = ", ".join(step.collection_id for step in derived)
        message = (
            f"lineageChain has {len(stated)} steps; it has to have {len(derived)}, through {way}"
        )
        yield Contradiction(InvalidInput(message, path))
        return
    for index, (given, right) in enumerate(zip(stated, derived, strict=True)):
        step = (*path, str(index))
        yield from compare(
            (*step, "collectionId"), given.collection_id, right.collection_id, prefix="col"
        )
        yield from compare(
            (*step, "featureExtractorId"), given.feature_extractor_id, right.feature_extractor_id
        )
        yield from compare(
            (*step, "documentId"), given.document_id, right.document_id, prefix="doc"
        )

"""What feeds a collection: buckets, or other collections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, any_, bindparam, insert, select

from gateway.buckets.tables import BucketRow
from gateway.collections.tables import CollectionRow, CollectionSourceRow
from gateway.database.transaction import Transaction
from gateway.enums import SourceType, Status
from gateway.errors import InvalidInput, NotFound, UserFailure
from gateway.gathering import refuse
from gateway.wording import shortened

MOST_SOURCES = 1000

_FIELDS = {SourceType.BUCKET: "bucketIds", SourceType.COLLECTION: "collectionIds"}

# The lock keeps a bucket from being removed before its collection is there.
_FIND_BUCKETS = (
    select(BucketRow.id)
    .where(
        BucketRow.namespace_id == bindparam("namespace_id"),
        BucketRow.id == any_(bindparam("ids", type_=ARRAY(Text))),
        BucketRow.status != Status.IN_PROGRESS.value,
    )
    .order_by(BucketRow.id)
    .with_for_update(read=True, key_share=True)
)
_FIND_COLLECTIONS = select(CollectionRow.id).where(
    CollectionRow.namespace_id == bindparam("namespace_id"),
    CollectionRow.id == any_(bindparam("ids", type_=ARRAY(Text))),
)
_FIND = {SourceType.BUCKET: _FIND_BUCKETS, SourceType.COLLECTION: _FIND_COLLECTIONS}
_ADD = insert(CollectionSourceRow).values(
    namespace_id=bindparam("namespace_id"),
    collection_id=bindparam("collection_id"),
    position=bindparam("position"),
    bucket_id=bindparam("bucket_id"),
    source_collection_id=bindparam("source_collection_id"),
)


@dataclass(frozen=True, slots=True)
class Feeding:
    """What is to feed a collection: the ids that are given for each kind; the other kind's none."""

    type: SourceType
    given: Mapping[SourceType, Sequence[str]]

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the kind that ``type`` says."""
        return self.given[self.type]


async def check(tx: Transaction, feeding: Feeding) -> None:
    """Check that a collection can be fed like this.

    Raises:
        InvalidInput, NotFound, Refused: It cannot; paths start inside ``source``.
    """
    if faults := list(_faults(feeding)):
        refuse(faults)
    field, ids = _FIELDS[feeding.type], feeding.ids
    found = await tx.rows(_FIND[feeding.type], namespace_id=tx.namespace_id, ids=list(ids))
    known = {row["id"] for row in found}
    unknown = [
        NotFound(f"no {feeding.type.lower()} has the id {shortened(id_)!r}", (field, str(index)))
        for index, id_ in enumerate(ids)
        if id_ not in known
    ]
    if unknown:
        refuse(unknown)


async def add(tx: Transaction, feeding: Feeding, *, collection_id: str) -> None:
    """Store what feeds a collection; ``check`` has found nothing against it."""
    by_buckets = feeding.type is SourceType.BUCKET
    await tx.run_many(
        _ADD,
        [
            {
                "namespace_id": tx.namespace_id,
                "collection_id": collection_id,
                "position": position,
                "bucket_id": id_ if by_buckets else None,
                "source_collection_id": None if by_buckets else id_,
            }
            for position, id_ in enumerate(feeding.ids)
        ],
    )


def _faults(feeding: Feeding) -> Iterator[UserFailure]:
    """Yield what is wrong whatever is stored."""
    if feeding.type not in _FIELDS:
        yield InvalidInput(
            f"a collection cannot be fed by a {feeding.type}", ("type",), allowed=tuple(_FIELDS)
        )
        return
    for kind, field in _FIELDS.items():
        if kind is not feeding.type and feeding.given[kind]:
            yield InvalidInput(
                f"{field} has to be left out where the type is {feeding.type}", (field,)
            )
    field, ids = _FIELDS[feeding.type], feeding.ids
    if not 1 <= len(ids) <= MOST_SOURCES:
        yield InvalidInput(
            f"{field} has {len(ids)} ids; where the type is {feeding.type}"
            f" it has to have 1 to {MOST_SOURCES}",
            (field,),
        )
        return
    first: dict[str, int] = {}
    for index, id_ in enumerate(ids):
        if first.setdefault(id_, index) != index:
            yield InvalidInput(
                f"{field}[{index}] repeats {field}[{first[id_]}]; name each once",
                (field, str(index)),
            )

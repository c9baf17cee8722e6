"""What a caller states otherwise than it is, and how that is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Select,
    Text,
    any_,
    bindparam,
    select,
    union_all,
)

from gateway.buckets.tables import BucketRow
from gateway.collections.tables import CollectionRow
from gateway.database.ids import prefix_of
from gateway.database.transaction import Transaction
from gateway.documents.standing import in_standing_bucket
from gateway.documents.tables import DocumentRow
from gateway.errors import InvalidInput, NotFound, UserFailure
from gateway.objects.tables import BlobRow, ObjectRow
from gateway.wording import shortened

_NOUNS = {
    "bkt": "bucket",
    "obj": "object",
    "blob": "blob",
    "col": "collection",
    "doc": "document",
}


class Contradiction(NamedTuple):
    """Something stated that does not agree with the rest.

    Args:
        stated_id: The id that is stated, where it is one; if nothing has it, that is what to tell.
        prefix: Of the ids of what it should name.
    """

    failure: InvalidInput
    stated_id: str | None = None
    prefix: str = ""


def compare(
    path: tuple[str, ...], given: str | None, right: str | None, *, prefix: str = ""
) -> Iterator[Contradiction]:
    """Yield a contradiction if something is given that is not right; None is never given."""
    if given is None or given == right:
        return
    if right is None:
        message = f"{path[-1]} has to be left out here; by its source the document has none"
    else:
        message = f"{path[-1]} is {shortened(given)!r}; by its source it has to be {right!r}"
    yield Contradiction(InvalidInput(message, path), given if prefix else None, prefix)


def not_found(prefix: str, id_: str, path: Sequence[str]) -> NotFound:
    """Return the answer to an id that nothing of its kind has in this namespace."""
    return NotFound(f"no {_NOUNS[prefix]} has the id {shortened(id_)!r}", path)


_NAMESPACE_ID: BindParameter[str] = bindparam("namespace_id")
_IDS = bindparam("ids", type_=ARRAY(Text))


def _known(row: type[Any], *more: ColumnElement[bool]) -> Select[str]:
    return select(row.id).where(row.namespace_id == _NAMESPACE_ID, row.id == any_(_IDS), *more)


_FIND_KNOWN = union_all(
    _known(CollectionRow),
    *(
        _known(row, in_standing_bucket(row.namespace_id, bucket_id))
        for row, bucket_id in (
            (DocumentRow, DocumentRow.root_bucket_id),
            (ObjectRow, ObjectRow.bucket_id),
            (BlobRow, BlobRow.bucket_id),
            (BucketRow, BucketRow.id),
        )
    ),
)


async def told(tx: Transaction, found: Sequence[Contradiction]) -> list[UserFailure]:
    """Return contradictions as failures: an id that nothing has is told as unknown."""
    if not found:
        return []
    ids = [each.stated_id for each in found if each.stated_id is not None]
    rows = await tx.rows(_FIND_KNOWN, namespace_id=tx.namespace_id, ids=ids)
    known = {(prefix_of(row["id"]), row["id"]) for row in rows}
    return [
        each.failure
        if each.stated_id is None or (each.prefix, each.stated_id) in known
        else not_found(each.prefix, each.stated_id, each.failure.path)
        for each in found
    ]

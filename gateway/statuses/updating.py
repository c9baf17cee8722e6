"""Moving objects and documents from status to status, many of them in each statement.

Buckets are held first, then objects are locked by their ids, then documents: each after those it
derives from, as by those who delete. So of those who write at the same time, none waits in a
circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    CompoundSelect,
    Text,
    any_,
    bindparam,
    func,
    select,
    union_all,
    update,
)

from gateway.buckets import holding
from gateway.buckets.holding import HeldBucket
from gateway.database.arrays import arrays, columns_of, rows_of
from gateway.database.ids import prefix_of
from gateway.database.transaction import Transaction
from gateway.documents.tables import DocumentRow
from gateway.enums import EntityKind, Status
from gateway.errors import BadState, InvalidInput, NotFound, Refused, TooLarge, UserFailure
from gateway.gathering import Gathering
from gateway.objects.tables import ObjectRow
from gateway.patching import check_version
from gateway.status import AT_REST, TRANSITIONS
from gateway.wording import shortened

MOST_ERROR_CHARACTERS = 10_000

_KINDS = {"obj": EntityKind.OBJECT, "doc": EntityKind.DOCUMENT}
# What has a status too, which is not an engine's to tell.
_OTHERS = {
    "bkt": "a bucket, whose status patchBucket changes",
    "upl": "an upload, whose status confirmUpload and abortUpload change",
    "btch": "a batch, which has mutations of its own",
}

_NAMESPACE_ID = bindparam("namespace_id", type_=Text)
_IDS = bindparam("ids", type_=ARRAY(Text))
_FIND_BUCKET_IDS: CompoundSelect[Any] = union_all(
    select(ObjectRow.id, ObjectRow.bucket_id).where(
        ObjectRow.namespace_id == _NAMESPACE_ID, ObjectRow.id == any_(_IDS)
    ),
    select(DocumentRow.id, DocumentRow.root_bucket_id).where(
        DocumentRow.namespace_id == _NAMESPACE_ID, DocumentRow.id == any_(_IDS)
    ),
)
# NO KEY UPDATE: a full lock would wait until no new document names what is moved.
_LOCK_OBJECTS = (
    select(ObjectRow.id, ObjectRow.status, ObjectRow.error, ObjectRow.version)
    .where(ObjectRow.namespace_id == _NAMESPACE_ID, ObjectRow.id == any_(_IDS))
    .order_by(ObjectRow.id)
    .with_for_update(key_share=True)
)
# Who deletes an object takes its documents in any order, so one has to come before the other.
_SHARE_ROOTS = (
    select(ObjectRow.id)
    .where(
        ObjectRow.namespace_id == _NAMESPACE_ID,
        ObjectRow.id.in_(
            select(DocumentRow.root_object_id).where(
                DocumentRow.namespace_id == _NAMESPACE_ID, DocumentRow.id == any_(_IDS)
            )
        ),
    )
    .order_by(ObjectRow.id)
    .with_for_update(read=True, key_share=True)
)
_LOCK_DOCUMENTS = (
    select(DocumentRow.id, DocumentRow.status, DocumentRow.error, DocumentRow.version)
    .where(DocumentRow.namespace_id == _NAMESPACE_ID, DocumentRow.id == any_(_IDS))
    # A document's chain is one step longer than that of its source.
    .order_by(func.jsonb_array_length(DocumentRow.lineage_chain), DocumentRow.id)
    .with_for_update(key_share=True)
)
_NEW = columns_of(ObjectRow.id, ObjectRow.status, ObjectRow.error)


def _change(table: type[ObjectRow] | type[DocumentRow]) -> Any:
    new = rows_of("new", _NEW)
    return (
        update(table)
        .values(
            status=new.c.status,
            error=new.c.error,
            version=table.version + 1,
            updated_at=func.now(),
        )
        .where(table.namespace_id == _NAMESPACE_ID, table.id == new.c.id)
    )


_CHANGE = {
    EntityKind.OBJECT: _change(ObjectRow),
    EntityKind.DOCUMENT: _change(DocumentRow),
}


class GivenStatus(NamedTuple):
    """A status as an engine sends it.

    Args:
        error: None: there is none, or none but the one that is known.
        expected_version: None where any will do.
    """

    id: str
    status: Status
    error: str | None = None
    expected_version: int | None = None


Outcome = str | UserFailure | Refused


@dataclass(slots=True)
class _Standing:
    """An object or a document that is locked, as the statuses so far have left it.

    Args:
        bucket: None: it has none.
        changes: How many there were.
    """

    id: str
    kind: EntityKind
    bucket: HeldBucket | None
    status: Status
    error: str | None
    version: int
    changes: int = 0

    def take(self, given: GivenStatus) -> bool:
        """Take a status; return whether that changes anything.

        Raises:
            VersionMismatch, BadState, Locked: It cannot.
        """
        check_version(given.expected_version, current=self.version, id=self.id)
        is_same = given.status is self.status
        if is_same and given.error in (None, self.error):
            return False
        if not is_same:
            self._require_move_to(given.status)
        # A lock keeps work from beginning. Of work that has begun, what comes of it is a fact that
        # a refusal would only hide.
        if self.bucket and self.kind is EntityKind.OBJECT and self.status in AT_REST:
            self.bucket.require_open(("id",))
        self.status, self.error = given.status, given.error
        self.version += 1
        self.changes += 1
        return True

    def _require_move_to(self, status: Status) -> None:
        allowed = TRANSITIONS[self.kind].get(self.status, ())
        if status not in allowed:
            raise BadState(
                f"the {self.kind.lower()} is {self.status} and cannot become {status};"
                f" from {self.status} it can become {', '.join(allowed) or 'nothing else'}",
                ("status",),
                allowed=allowed,
            )


async def update_status(tx: Transaction, given: GivenStatus) -> None:
    """Move an object or a document to a status, if it does not have it already.

    The error is that of the status: it goes with it, unless another is given. The status that it
    has, with no other error, changes nothing, so that a report can be sent again.

    Raises:
        NotFound: There is no such object or document.
        InvalidInput: The id is of another kind.
        TooLarge: The error is.
        Refused: Both.
        VersionMismatch: It has moved on from ``expected_version``.
        BadState: It cannot go there, or its bucket is not ACTIVE and nothing had begun.
        Locked: Its bucket is locked, and nothing had begun.
    """
    (outcome,) = await update_statuses(tx, [given])
    if isinstance(outcome, UserFailure | Refused):
        raise outcome


async def update_statuses(tx: Transaction, given: Sequence[GivenStatus]) -> list[Outcome]:
    """Move objects and documents as ``update_status`` would one after another.

    Returns:
        Of each its id, or why it is not moved.
    """
    outcomes: dict[int, Outcome] = {}
    fit: list[tuple[int, GivenStatus]] = []
    for index, each in enumerate(given):
        try:
            _check(each)
            fit.append((index, each))
        except (UserFailure, Refused) as failure:
            outcomes[index] = failure
    standing = await _lock(tx, {each.id for _, each in fit})
    # A row can change but once in a statement, so its second change is made by a second one.
    rounds: dict[EntityKind, list[list[dict[str, Any]]]] = {kind: [] for kind in _CHANGE}
    for index, each in fit:
        one = standing.get(each.id)
        try:
            if one is None:
                raise _unknown(each.id)
            if one.take(each):
                its_rounds = rounds[one.kind]
                if len(its_rounds) < one.changes:
                    its_rounds.append([])
                row = {"id": one.id, "status": one.status, "error": one.error}
                its_rounds[one.changes - 1].append(row)
            outcomes[index] = each.id
        except UserFailure as failure:
            outcomes[index] = failure
    for kind, its_rounds in rounds.items():
        if its_rounds:
            mine = {"namespace_id": tx.namespace_id}
            changes = [mine | arrays("new", _NEW, rows) for rows in its_rounds]
            await tx.run_many(_CHANGE[kind], changes)
    return [outcomes[index] for index in range(len(given))]


def _check(given: GivenStatus) -> None:
    """Return if nothing is wrong whatever is stored."""
    gathering = Gathering()
    with gathering.below():
        _check_kind(given.id)
    with gathering.below():
        if given.error is not None and len(given.error) > MOST_ERROR_CHARACTERS:
            raise TooLarge(
                f"error has {len(given.error)} characters; the most is {MOST_ERROR_CHARACTERS}",
                ("error",),
            )
    gathering.end()


def _check_kind(id: str) -> None:
    prefix = prefix_of(id) or ""
    if prefix in _OTHERS:
        raise InvalidInput(
            f"{id} is the id of {_OTHERS[prefix]}; give that of an object or a document", ("id",)
        )
    if prefix not in _KINDS:
        raise _unknown(id)


def _unknown(id: str) -> NotFound:
    kind = _KINDS.get(prefix_of(id) or "")
    noun = "object or document" if kind is None else kind.lower()
    return NotFound(f"no {noun} has the id {shortened(id)!r}", ("id",))


async def _lock(tx: Transaction, ids: Iterable[str]) -> Mapping[str, _Standing]:
    """Lock and return the objects and documents with these ids that are there."""
    if not ids:
        return {}
    found = await tx.rows(_FIND_BUCKET_IDS, namespace_id=tx.namespace_id, ids=list(ids))
    bucket_ids = {row["id"]: row["bucket_id"] for row in found}
    held = await holding.share_all(tx, filter(None, bucket_ids.values()))
    # One whose bucket is being deleted counts as gone.
    there: dict[EntityKind, list[str]] = {kind: [] for kind in _CHANGE}
    for id, bucket_id in bucket_ids.items():
        if bucket_id is None or bucket_id in held:
            there[_KINDS[id.partition("_")[0]]].append(id)
    rows = []
    if objects := there[EntityKind.OBJECT]:
        rows += await tx.rows(_LOCK_OBJECTS, namespace_id=tx.namespace_id, ids=objects)
    if documents := there[EntityKind.DOCUMENT]:
        await tx.run(_SHARE_ROOTS, namespace_id=tx.namespace_id, ids=documents)
        rows += await tx.rows(_LOCK_DOCUMENTS, namespace_id=tx.namespace_id, ids=documents)
    return {
        row["id"]: _Standing(
            id=row["id"],
            kind=_KINDS[row["id"].partition("_")[0]],
            bucket=held.get(bucket_ids[row["id"]]),
            status=Status[row["status"]],
            error=row["error"],
            version=row["version"],
        )
        for row in rows
    }

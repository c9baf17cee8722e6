"""The rows of keys: claimed before a change, committed together with it, removed after a day.

Who claims a key that another transaction has claimed waits for its end: the unique index sees to
it, whichever gateway each of them is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from sqlalchemy import (
    ARRAY,
    Interval,
    Text,
    any_,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from gateway.database.arrays import arrays, columns_of, rows_of
from gateway.database.pool import Database
from gateway.database.statements import compiled
from gateway.database.transaction import Transaction
from gateway.errors import IdempotencyReused, Unavailable
from gateway.idempotency.answers import Replayed
from gateway.idempotency.tables import IdempotencyKeyRow

KEPT_FOR = timedelta(hours=24)
REMOVED_AT_ONCE = 1000
PATH = ("idempotencyKey",)

_NAMESPACE_ID = bindparam("namespace_id", type_=Text)
_KEYS = bindparam("keys", type_=ARRAY(Text))
_AN_AGE_AGO = func.now() - literal(KEPT_FOR, Interval)
_IS_OLD = IdempotencyKeyRow.created_at <= _AN_AGE_AGO
_THESE = (IdempotencyKeyRow.namespace_id == _NAMESPACE_ID, IdempotencyKeyRow.key == any_(_KEYS))
_CLAIM_COLUMNS = columns_of(IdempotencyKeyRow.key, IdempotencyKeyRow.fingerprint)
_ANSWER_COLUMNS = columns_of(IdempotencyKeyRow.key, IdempotencyKeyRow.answer)


def _claim_statement() -> Any:
    claim = rows_of("claim", _CLAIM_COLUMNS)
    # In order: two that claim several keys would otherwise wait for each other.
    rows = select(_NAMESPACE_ID, *claim.c).order_by(claim.c.key)
    claimed = insert(IdempotencyKeyRow).from_select(["namespace_id", *_CLAIM_COLUMNS], rows)
    # DO NOTHING would leave a row that is too old where it is; a younger one is locked and stays.
    return claimed.on_conflict_do_update(
        index_elements=["namespace_id", "key"],
        set_={
            "fingerprint": claimed.excluded.fingerprint,
            "answer": None,
            "created_at": func.now(),
        },
        where=_IS_OLD,
    ).returning(IdempotencyKeyRow.key)


def _answer_statement() -> Any:
    new = rows_of("answered", _ANSWER_COLUMNS)
    return (
        update(IdempotencyKeyRow)
        .values(answer=new.c.answer)
        .where(IdempotencyKeyRow.namespace_id == _NAMESPACE_ID, IdempotencyKeyRow.key == new.c.key)
    )


def _look_statement() -> Any:
    """Return the statement that finds one key in one message, row level security included."""
    found = select(
        func.jsonb_build_array(
            func.encode(IdempotencyKeyRow.fingerprint, "hex"), IdempotencyKeyRow.answer
        )
    ).where(
        IdempotencyKeyRow.namespace_id == _NAMESPACE_ID,
        IdempotencyKeyRow.key == bindparam("key", type_=Text),
        ~_IS_OLD,
    )
    is_set = func.set_config("app.namespace_id", _NAMESPACE_ID, True).is_not(None)
    return select(case((is_set, found.scalar_subquery())))


_CLAIM = _claim_statement()
_LOOK = _look_statement()
_ANSWER = _answer_statement()
_FIND = select(
    IdempotencyKeyRow.key, IdempotencyKeyRow.fingerprint, IdempotencyKeyRow.answer
).where(*_THESE, ~_IS_OLD)
_RELEASE = delete(IdempotencyKeyRow).where(*_THESE)
_REMOVE_OLD = delete(IdempotencyKeyRow).where(
    IdempotencyKeyRow.namespace_id == _NAMESPACE_ID,
    IdempotencyKeyRow.key.in_(
        select(IdempotencyKeyRow.key)
        .where(IdempotencyKeyRow.namespace_id == _NAMESPACE_ID, _IS_OLD)
        .order_by(IdempotencyKeyRow.created_at)
        .limit(bindparam("most"))
        # One that is just being claimed anew is not old any more.
        .with_for_update(skip_locked=True)
    ),
)

Earlier: TypeAlias = Replayed | IdempotencyReused


async def claim(tx: Transaction, fingerprints: Mapping[str, bytes]) -> dict[str, Earlier]:
    """Take keys for what ``tx`` changes; return what came of those that were taken before.

    Must come before ``tx`` locks anything else, so that nobody waits in a circle.

    Raises:
        Unavailable: A twin that is being answered elsewhere takes too long.
    """
    mine = {"namespace_id": tx.namespace_id}
    rows = [{"key": key, "fingerprint": each} for key, each in fingerprints.items()]
    try:
        claimed = await tx.rows(_CLAIM, **mine, **arrays("claim", _CLAIM_COLUMNS, rows))
    except TimeoutError as error:
        raise still_answered() from error
    taken = fingerprints.keys() - {row["key"] for row in claimed}
    if not taken:
        return {}
    found = await tx.rows(_FIND, namespace_id=tx.namespace_id, keys=list(taken))
    return {
        row["key"]: _earlier(row["answer"], row["fingerprint"] == fingerprints[row["key"]])
        for row in found
    }


async def look(
    database: Database, namespace_id: str, *, key: str, fingerprint: bytes
) -> Earlier | None:
    """Return what came of a key, None if it is free or is just being used."""
    sql = compiled(_LOOK)
    values = sql.arguments({"namespace_id": namespace_id, "key": key})
    found = await database.value(sql.sql, values)
    return None if found is None else _earlier(found[1], found[0] == fingerprint.hex())


async def answer(tx: Transaction, answers: Mapping[str, dict[str, Any]]) -> None:
    """Keep what keys that ``tx`` has claimed were answered with."""
    rows = [{"key": key, "answer": each} for key, each in answers.items()]
    await tx.run(_ANSWER, namespace_id=tx.namespace_id, **arrays("answered", _ANSWER_COLUMNS, rows))


async def release(tx: Transaction, keys: Iterable[str]) -> None:
    """Give back keys that ``tx`` has claimed and made no change for."""
    await tx.run(_RELEASE, namespace_id=tx.namespace_id, keys=list(keys))


async def remove_some_old(tx: Transaction) -> int:
    """Remove keys that are older than ``KEPT_FOR``; return how many, up to ``REMOVED_AT_ONCE``."""
    return await tx.run(_REMOVE_OLD, namespace_id=tx.namespace_id, most=REMOVED_AT_ONCE)


def _earlier(answer: dict[str, Any], is_same: bool) -> Earlier:
    return Replayed(answer) if is_same else reused()


def reused() -> IdempotencyReused:
    """Return the failure of a key that came with something else before."""
    return IdempotencyReused(
        "this key came with another mutation or other input before; take a new key for each change",
        PATH,
    )


def still_answered() -> Unavailable:
    """Return the failure of a key whose first request takes long."""
    return Unavailable("the first request with this idempotency key is still running; try again")

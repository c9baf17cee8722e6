"""Patching a row: it is locked and looked at, then changed if it would not stay the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from gateway.database.base import Row
from gateway.database.transaction import Transaction


class RowPatch:
    """The statements that patch a row of a table, found by its id in the namespace.

    Args:
        row: Of an ``Entity`` that is ``Versioned``.
        columns: What a patch may change.
    """

    def __init__(self, row: type[Row], *columns: InstrumentedAttribute[Any]) -> None:
        every = row.__table__.c
        self.columns = [each.expression.name for each in columns]
        this_one = (
            every.namespace_id == bindparam("namespace_id"),
            every.id == bindparam("id"),
        )
        new = {
            every[name]: bindparam(f"new_{name}", type_=every[name].type) for name in self.columns
        }
        # NO KEY UPDATE: a full lock would wait until no new row names this one, perhaps for ever.
        self._lock = select(*new, every.version).where(*this_one).with_for_update(key_share=True)
        self._change = (
            update(row)
            .values({**new, every.version: every.version + 1, every.updated_at: func.now()})
            # A patch that changes nothing leaves the version alone.
            .where(*this_one, or_(*(old.is_distinct_from(value) for old, value in new.items())))
        )

    async def lock(self, tx: Transaction, id: str) -> asyncpg.Record | None:
        """Keep others from changing the row; return the columns and its ``version``, if there."""
        return await tx.row(self._lock, namespace_id=tx.namespace_id, id=id)

    async def change(self, tx: Transaction, id: str, new: Mapping[str, Any]) -> None:
        """Give the row, which the caller has locked, new values of all the columns."""
        values = {f"new_{column}": value for column, value in new.items()}
        await tx.run(self._change, namespace_id=tx.namespace_id, id=id, **values)

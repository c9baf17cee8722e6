"""The audit log: who changed namespaces and API keys, from where and when."""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from asyncpg import Record
from sqlalchemy import DateTime, bindparam, insert, or_, select

from gateway.database.transaction import Transaction
from gateway.namespaces.tables import AuditRow

_ADD = (
    insert(AuditRow)
    .inline()  # returns no id: a request may add to the log, and read nothing of it
    .values(
        action=bindparam("action"),
        subject_id=bindparam("subject_id"),
        by_key_id=bindparam("by_key_id"),
        by_user=bindparam("by_user"),
        origin=bindparam("origin"),
        details=bindparam("details"),
    )
)
_SINCE = bindparam("since", type_=DateTime(timezone=True))
_LIST = (
    select(
        AuditRow.id,
        AuditRow.happened_at,
        AuditRow.action,
        AuditRow.subject_id,
        AuditRow.by_key_id,
        AuditRow.by_user,
        AuditRow.origin,
        AuditRow.details,
    )
    .where(or_(_SINCE.is_(None), AuditRow.happened_at >= _SINCE))
    .order_by(AuditRow.id)
)


class Action(StrEnum):
    """What was done."""

    NAMESPACE_CREATED = "NAMESPACE_CREATED"
    KEY_CREATED = "KEY_CREATED"
    KEY_ROTATED = "KEY_ROTATED"
    KEY_REVOKED = "KEY_REVOKED"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an API key, or somebody at the command line.

    Args:
        origin: The client's address, or the machine's name.
    """

    key_id: str | None
    user: str | None
    origin: str

    @classmethod
    def key(cls, key_id: str, address: str) -> Actor:
        """Return the actor of a request."""
        return cls(key_id, None, address)

    @classmethod
    def at_command_line(cls) -> Actor:
        """Return whoever runs this process."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a container may run as a number without a name
            user = "unknown"
        return cls(None, user, socket.gethostname())


async def record(
    tx: Transaction, by: Actor, action: Action, subject_id: str, **details: Any
) -> None:
    """Write down a change in the transaction that makes it: neither is kept without the other.

    Args:
        subject_id: Of what was changed.
        details: What it has become; never a secret, nor a part of one.
    """
    await tx.run(
        _ADD,
        action=action.value,
        subject_id=subject_id,
        by_key_id=by.key_id,
        by_user=by.user,
        origin=by.origin,
        details=details,
    )


async def list_changes(tx: Transaction, *, since: datetime | None) -> list[Record]:
    """Return what was done, the oldest first; in a transaction of no namespace.

    Shape: id, happened_at, action, subject_id, by_key_id or by_user, origin, details.
    """
    return await tx.rows(_LIST, since=since)

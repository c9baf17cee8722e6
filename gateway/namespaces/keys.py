"""The rules for API keys: who may make, rotate and revoke which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asyncpg import Record
from sqlalchemy import (
    ARRAY,
    BindParameter,
    DateTime,
    Text,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from gateway.checks import check_name
from gateway.database.ids import new_id, prefix_of
from gateway.database.transaction import Transaction
from gateway.enums import KeyStatus, Permission
from gateway.errors import BadState, InvalidInput, NotFound, TooLarge
from gateway.limits import Limits
from gateway.namespaces import audit
from gateway.namespaces.audit import Action, Actor
from gateway.namespaces.key_secrets import digest, new_secret, prefix
from gateway.namespaces.key_status import status_of
from gateway.namespaces.service import Reach, get_namespace_ids
from gateway.namespaces.tables import ApiKeyRow
from gateway.wording import shortened

MOST_NAMESPACES = 1000

_ID: BindParameter[str] = bindparam("id")
_REACH = bindparam("reach", type_=ARRAY(Text))
_MANAGEABLE = or_(_REACH.is_(None), ApiKeyRow.namespaces.op("<@", is_comparison=True)(_REACH))

_IS_TO_COME = select(bindparam("moment", type_=DateTime(timezone=True)) > func.now())
_ADD = insert(ApiKeyRow).values(
    id=_ID,
    name=bindparam("name"),
    key_prefix=bindparam("key_prefix"),
    secret_sha256=bindparam("secret_sha256"),
    permissions=bindparam("permissions"),
    namespaces=bindparam("namespaces"),
    expires_at=bindparam("expires_at"),
)
_LIST = select(
    ApiKeyRow.id,
    ApiKeyRow.name,
    ApiKeyRow.key_prefix,
    ApiKeyRow.permissions,
    ApiKeyRow.namespaces,
    status_of(ApiKeyRow).label("status"),
    ApiKeyRow.expires_at,
    ApiKeyRow.last_used_at,
    ApiKeyRow.created_at,
).order_by(ApiKeyRow.id)
_LOCK = select(status_of(ApiKeyRow)).where(ApiKeyRow.id == _ID, _MANAGEABLE).with_for_update()
_CHANGE = (
    update(ApiKeyRow)
    .where(ApiKeyRow.id == _ID)
    .values(version=ApiKeyRow.version + 1, updated_at=func.now())
)
_SET_SECRET = _CHANGE.values(
    key_prefix=bindparam("key_prefix"), secret_sha256=bindparam("secret_sha256")
)
_SET_REVOKED = _CHANGE.values(revoked_at=func.now())


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that nobody can show again, and whose it is."""

    key_id: str
    secret: str = field(repr=False)


async def create_key(
    tx: Transaction,
    *,
    by: Actor,
    limits: Limits,
    reach: Reach,
    name: str,
    permissions: Sequence[Permission],
    namespaces: Sequence[str] | None,
    expires_at: datetime | None,
) -> NewSecret:
    """Make a key and its secret.

    Args:
        reach: Of the key that asks; the new one reaches no further.
        permissions: Any: who may make keys at all holds the greatest.
        namespaces: Names or ids; None: all that the asking key may use.
        expires_at: None: never.

    Raises:
        InvalidInput, TooLarge: A value is not of the right form.
        NotFound, Refused: Namespaces that do not exist, or that the asking key may not use.
    """
    check_name(name, ("name",), most=limits.name_characters)
    ranks = [each.value for each in Permission if each in permissions]
    if not ranks:
        raise InvalidInput(
            "permissions is empty; give at least one", ("permissions",), allowed=list(Permission)
        )
    if expires_at is not None and not await tx.value(_IS_TO_COME, moment=expires_at):
        raise InvalidInput(
            f"expiresAt is {expires_at.isoformat()}; it has to be in the future", ("expiresAt",)
        )
    ids = None if reach is None else sorted(reach)
    if namespaces is not None:
        ids = await _get_ids(tx, reach, namespaces)
    key_id, secret = new_id("key"), new_secret()
    await tx.run(
        _ADD,
        id=key_id,
        name=name,
        key_prefix=prefix(secret),
        secret_sha256=digest(secret),
        permissions=ranks,
        namespaces=ids,
        expires_at=expires_at,
    )
    await audit.record(
        tx,
        by,
        Action.KEY_CREATED,
        key_id,
        name=name,
        permissions=ranks,
        namespaces=ids,
        expires_at=expires_at,
    )
    return NewSecret(key_id, secret)


async def list_keys(tx: Transaction) -> list[Record]:
    """Return all keys in the order they were made.

    Shape: id, name, key_prefix, permissions, namespaces (ids; None: all), status, expires_at,
    last_used_at, created_at.
    """
    return await tx.rows(_LIST)


async def rotate_key(tx: Transaction, *, by: Actor, reach: Reach, id: str) -> NewSecret:
    """Give a key another secret; the old one stops to work.

    Raises:
        NotFound: There is no such key, or it reaches further than the asking one.
        BadState: It was revoked, or has expired, so no secret would make it work.
    """
    status = await _lock(tx, reach, id)
    if status is not KeyStatus.ACTIVE:
        raise BadState(f"this key is {status}; create a new one", ("id",))
    secret = new_secret()
    await tx.run(_SET_SECRET, id=id, key_prefix=prefix(secret), secret_sha256=digest(secret))
    await audit.record(tx, by, Action.KEY_ROTATED, id)
    return NewSecret(id, secret)


async def revoke_key(tx: Transaction, *, by: Actor, reach: Reach, id: str) -> None:
    """Withdraw a key, for good; the asking key may withdraw itself.

    Raises:
        NotFound: There is no such key, or it reaches further than the asking one.
        BadState: It was revoked before.
    """
    if await _lock(tx, reach, id) is KeyStatus.REVOKED:
        raise BadState("this key was revoked before", ("id",))
    await tx.run(_SET_REVOKED, id=id)
    await audit.record(tx, by, Action.KEY_REVOKED, id)


async def _get_ids(tx: Transaction, reach: Reach, namespaces: Sequence[str]) -> list[str]:
    path = ("namespaces",)
    if not namespaces:
        raise InvalidInput(
            "namespaces is empty; name at least one, or leave it out for all that this key may use",
            path,
        )
    if len(namespaces) > MOST_NAMESPACES:
        raise TooLarge(
            f"namespaces has {len(namespaces)} entries; the most is {MOST_NAMESPACES}", path
        )
    return await get_namespace_ids(tx, reach=reach, references=namespaces, path=path)


async def _lock(tx: Transaction, reach: Reach, id: str) -> KeyStatus:
    """Keep others from changing the key until the end of the transaction; return its status."""
    status = None
    if prefix_of(id) == "key":
        status = await tx.value(_LOCK, id=id, reach=None if reach is None else sorted(reach))
    if status is None:
        raise NotFound(f"no API key has the id {shortened(id)!r}", ("id",))
    return KeyStatus[status]

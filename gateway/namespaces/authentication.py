"""From what a request shows to who is asking."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from asyncpg import Record
from sqlalchemy import (
    Float,
    LargeBinary,
    and_,
    any_,
    bindparam,
    cast,
    extract,
    func,
    or_,
    select,
)

from gateway.caller import Caller
from gateway.database.base import IdText
from gateway.database.pool import Database
from gateway.database.statements import compiled
from gateway.enums import Permission
from gateway.errors import NamespaceRequired, Unauthenticated
from gateway.namespaces.key_secrets import digest, is_secret
from gateway.namespaces.key_uses import KeyUses
from gateway.namespaces.service import may_name_namespace
from gateway.namespaces.shown import Shown, secret_in
from gateway.namespaces.tables import ApiKeyRow, NamespaceRow

# A key that is revoked in another process goes on working here for as long.
TRUST_S = 3.0
MOST_KEPT = 4096
LONGEST_KNOWN = 512  # characters that are shown; whoever shows more is looked up each time
_NOBODY = "this API key is unknown, or was revoked"

_NAMESPACE = bindparam("namespace", type_=IdText())
_LOOK_UP = (
    select(
        ApiKeyRow.id,
        ApiKeyRow.permissions,
        ApiKeyRow.namespaces,
        cast(extract("epoch", ApiKeyRow.expires_at - func.now()), Float).label("remaining_s"),
        NamespaceRow.id.label("namespace_id"),
    )
    .outerjoin(
        NamespaceRow,
        and_(
            or_(NamespaceRow.id == _NAMESPACE, NamespaceRow.namespace_name == _NAMESPACE),
            or_(ApiKeyRow.namespaces.is_(None), NamespaceRow.id == any_(ApiKeyRow.namespaces)),
        ),
    )
    .where(
        ApiKeyRow.secret_sha256 == bindparam("digest", type_=LargeBinary()),
        ApiKeyRow.revoked_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True)
class _Found:
    """A key that was not revoked; ``ends_at`` is by the authenticator's clock."""

    caller: Caller | None
    key_id: str
    ends_at: float


@dataclass(frozen=True, slots=True)
class _LookUp:
    """A question to the database, under way or answered."""

    key: tuple[bytes, str]
    begun_at: float
    answer: asyncio.Task[_Found | None]


class _Known(NamedTuple):
    """A caller who may do without a look-up, until when by the authenticator's clock."""

    caller: Caller
    until: float


class Authenticator:
    """Tells who is asking; what it learns of a key it takes for true for a few seconds.

    Whoever shows the very same texts again in that time is known by them, at the cost of a glance
    at a dict. The texts, of which one is a secret, are let go when that time has passed. Otherwise
    digests of secrets are kept.

    Requests that show the same key in the same namespace share a look-up, be it under way or
    answered. What nobody has heard of is kept just as long: a client that goes on trying an old
    key costs one look-up in that time.

    Args:
        trust_s: How old an answer may be.
        most: Answers that are kept; the least used go first.
        clock: In seconds; steady.
    """

    def __init__(
        self,
        database: Database,
        *,
        trust_s: float = TRUST_S,
        most: int = MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._trust_s = trust_s
        self._most = most
        self._clock = clock
        self._known: dict[Shown, _Known] = {}
        self._look_ups: OrderedDict[tuple[bytes, str], _LookUp] = OrderedDict()
        # An outage, in which nothing can be looked up, does not change what was right.
        self._right: OrderedDict[tuple[bytes, str], None] = OrderedDict()
        self._uses = KeyUses(database, most=most, clock=clock)
        # Called when a change of keys has been committed here.
        self.on_change: Callable[[], None] = _nothing

    def known(self, authorization: str | None, namespace: str | None) -> Caller | None:
        """Return the caller who shows these, if that needs no look-up."""
        known = self._known.get((authorization, namespace))
        if known is not None and self._clock() < known.until:
            return known.caller
        return None

    def was_right(self, authorization: str | None, namespace: str | None) -> bool:
        """Tell whether these were right when they were looked up last, which may be long ago."""
        try:
            secret = secret_in(authorization)
        except Unauthenticated:
            return False
        return _key_of(secret, namespace or "") in self._right

    async def authenticate(self, authorization: str | None, namespace: str | None) -> Caller:
        """Return the caller who shows these.

        Args:
            authorization: ``Bearer sk_…``.
            namespace: A name or an id.

        Raises:
            Unauthenticated: No key, or one that is unknown, revoked (these two are answered alike)
                or expired.
            NamespaceRequired: No namespace, or one that is unknown or beyond the key's reach (these
                two are answered alike).
            Unavailable: The database gives no answer, so nobody knows.
        """
        known = self.known(authorization, namespace)
        if known is not None:
            return known
        secret = secret_in(authorization)
        if not is_secret(secret):
            raise Unauthenticated(_NOBODY)
        look_up = self._find(secret, namespace or "")
        found = await _answer_of(look_up)
        if found is None:
            raise Unauthenticated(_NOBODY)
        # Not left to the look-up: a key ends on time, however lately it was looked up.
        if found.ends_at <= self._clock():
            raise Unauthenticated("this API key has expired")
        if not namespace:
            raise NamespaceRequired(
                "a namespace is needed: send X-Namespace with the name or the id of one that this"
                " API key may use"
            )
        if found.caller is None:
            raise NamespaceRequired(
                "X-Namespace has to be the name or the id of a namespace that this API key may use"
            )
        noted_until = self._uses.note(found.key_id)
        # One that was forgotten meanwhile is not to be known either.
        if self._look_ups.get(look_up.key) is look_up:
            until = min(look_up.begun_at + self._trust_s, found.ends_at, noted_until)
            self._know((authorization, namespace), _Known(found.caller, until))
        return found.caller

    def forget_all(self) -> None:
        """Look every key up anew; to be called when a change of keys has been committed here."""
        self._known.clear()
        self._look_ups.clear()
        self.on_change()

    async def close(self) -> None:
        """Return when what is still to be noted is written."""
        await self._uses.close()

    def _know(self, shown: Shown, known: _Known) -> None:
        """Keep a caller by what they showed, for as long as that may do without a look-up."""
        if sum(map(len, filter(None, shown))) > LONGEST_KNOWN:
            return
        if len(self._known) >= self._most:
            self._known.clear()  # the look-ups are still there
        self._known[shown] = known
        asyncio.get_running_loop().call_later(self._trust_s, self._known.pop, shown, None)

    def _find(self, secret: str, namespace: str) -> _LookUp:
        """Return the look-up of a key, under way or answered; begin one if need be."""
        key = _key_of(secret, namespace)
        now = self._clock()
        look_up = self._look_ups.get(key)
        if look_up is None or now - look_up.begun_at >= self._trust_s:
            look_up = _LookUp(key, now, asyncio.create_task(self._look_up(*key, now)))
            look_up.answer.add_done_callback(lambda answer: self._settle(key, answer))
            self._look_ups[key] = look_up
        self._look_ups.move_to_end(key)
        if len(self._look_ups) > self._most:
            self._look_ups.popitem(last=False)
        return look_up

    async def _look_up(self, digest: bytes, namespace: str, begun_at: float) -> _Found | None:
        statement = compiled(_LOOK_UP)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                statement.sql, *statement.arguments({"digest": digest, "namespace": namespace})
            )
        if row is None:
            return None
        # The database tells how long the key still lasts: the clock of this machine may be wrong.
        ends_at = inf if row["remaining_s"] is None else begun_at + row["remaining_s"]
        return _Found(_caller(row), row["id"], ends_at)

    def _settle(self, key: tuple[bytes, str], answer: asyncio.Task[_Found | None]) -> None:
        """Note what a look-up says.

        A failure is not kept, nor that a namespace is not there: it may be made any moment.
        """
        if not answer.cancelled() and answer.exception() is None:
            found = answer.result()
            self._right.pop(key, None)
            if found is not None and found.caller is not None:
                self._right[key] = None
                if len(self._right) > self._most:
                    self._right.popitem(last=False)
            if found is None or found.caller is not None:
                return
        look_up = self._look_ups.get(key)
        if look_up is not None and look_up.answer is answer:
            del self._look_ups[key]


def _nothing() -> None:
    """Take note of nothing."""


def _key_of(secret: str, namespace: str) -> tuple[bytes, str]:
    return digest(secret), namespace if may_name_namespace(namespace) else ""


async def _answer_of(look_up: _LookUp) -> _Found | None:
    if look_up.answer.done():
        return look_up.answer.result()
    # Others may be waiting for the answer when this request is given up.
    return await asyncio.shield(look_up.answer)


def _caller(row: Record) -> Caller | None:
    if row["namespace_id"] is None:
        return None
    return Caller(
        key_id=row["id"],
        permissions=frozenset(Permission[name] for name in row["permissions"]),
        namespaces=None if row["namespaces"] is None else frozenset(row["namespaces"]),
        namespace_id=row["namespace_id"],
    )

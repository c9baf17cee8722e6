"""A mutation with a key: made once, its answer committed together with what it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from weakref import WeakValueDictionary

from gateway import deadline
from gateway.database.connecting import STATEMENT_TIMEOUT_S
from gateway.database.pool import Database
from gateway.database.transaction import RollBack, Transaction
from gateway.errors import Refused, UserFailure
from gateway.idempotency import claims
from gateway.idempotency.answers import is_refused, to_plain

# Of those who come to this process with the same key, all but the first wait here: a connection
# for each would leave none for others, and a source that is being fetched is not fetched twice.
_locks = WeakValueDictionary[tuple[str, str], asyncio.Lock]()


class Attempt:
    """One run of a mutation.

    Args:
        fingerprint: What is sent with the key; see ``keys.fingerprint``.
    """

    def __init__(
        self, database: Database, namespace_id: str, *, key: str, fingerprint: bytes
    ) -> None:
        self._database = database
        self._namespace_id = namespace_id
        self._key = key
        self._fingerprint = fingerprint
        # The transaction whose block has ended well, with what commits it.
        self._held: tuple[Transaction, AsyncExitStack] | None = None
        self._once_committed: list[Callable[[], None]] = []

    async def answer(self, run: Callable[[], Awaitable[Any]]) -> Any:
        """Return the payload that ``run`` gives, once it is committed.

        Raises:
            Replayed: It was made before.
            IdempotencyReused: Something else was made with the key.
            Unavailable: A twin takes too long.
        """
        lock = _locks.setdefault((self._namespace_id, self._key), asyncio.Lock())
        try:
            with deadline.paused():
                async with asyncio.timeout(STATEMENT_TIMEOUT_S):
                    await lock.acquire()
        except TimeoutError as error:
            raise claims.still_answered() from error
        try:
            earlier = await claims.look(
                self._database, self._namespace_id, key=self._key, fingerprint=self._fingerprint
            )
            if earlier is not None:
                raise earlier  # before anything is done
            try:
                payload = await run()
            except (UserFailure, Refused):
                await self._commit_without_key()
                raise
            except BaseException:
                await self._roll_back()
                raise
            await self._commit(payload)
            return payload
        finally:
            lock.release()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open the transaction of a change; it is committed when the payload is known.

        If it is not the first, the one before is committed, and the key goes with this one.

        Raises:
            Replayed, IdempotencyReused: As of ``answer``; nothing is changed.
        """
        await self._commit_without_key()
        async with AsyncExitStack() as stack:
            tx = await stack.enter_async_context(self._database.transaction(self._namespace_id))
            for earlier in (await claims.claim(tx, {self._key: self._fingerprint})).values():
                raise earlier
            yield tx
            self._held = tx, stack.pop_all()

    def once_committed(self, call: Callable[[], None]) -> None:
        """Call a function after the commit; not at all if there is none."""
        self._once_committed.append(call)

    async def _commit(self, payload: Any) -> None:
        if is_refused(payload):
            await self._commit_without_key()
        elif self._held is not None:
            (tx, held), self._held = self._held, None
            async with held:
                await claims.answer(tx, {self._key: to_plain(payload)})
            self._tell()

    async def _commit_without_key(self) -> None:
        """Commit what there is, as without a key: it is not what the key was given for."""
        if self._held is not None:
            (tx, held), self._held = self._held, None
            async with held:
                await claims.release(tx, [self._key])
            self._tell()

    async def _roll_back(self) -> None:
        if self._held is not None:
            (_, held), self._held = self._held, None
            with suppress(RollBack):
                async with held:
                    raise RollBack

    def _tell(self) -> None:
        calls, self._once_committed = self._once_committed, []
        for call in calls:
            call()

"""Works in the background: finishes what deletions began, removes what is kept for a time only."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager, suppress

from sqlalchemy import select

from gateway.blobs.store import BlobStore
from gateway.buckets import emptying
from gateway.database.pool import Database
from gateway.errors import Unavailable
from gateway.idempotency import claims
from gateway.namespaces.tables import NamespaceRow
from gateway.objects import sweeping
from gateway.uploads import ending

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 60.0
# Deletions are told of as they happen. What a crash left behind, here or in another gateway, is
# found by looking at everything, which reads each row of ``contents``.
LOOK_AT_ALL_EVERY_S = 3600.0
# Bytes that no row names are found by listing the store, a thousand in each request to S3.
LOOK_FOR_STRAYS_EVERY_S = 24 * 3600.0
STRAY_AFTER_S = 24 * 3600.0

# Besides those of the hashes that it is told of.
_CONDEMNED_AT_ONCE = 100

_FIND_NAMESPACES = select(NamespaceRow.id)


class Housekeeper:
    """Removes what deletions leave behind; several gateways may do so on one database."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs
        # What to do: for each namespace the hashes to look at, or None for all it has.
        self._waiting: dict[str, Set[str] | None] = {}
        self._woken = asyncio.Event()
        self.failures = 0
        self.last_pass_at = 0.0  # seconds since 1970

    def waiting(self) -> int:
        """Return how many namespaces are still to be looked at."""
        return len(self._waiting)

    def wake(self, namespace_id: str, hashes: Iterable[str] = ()) -> None:
        """Tell of a deletion, or of bytes that are condemned, once it is committed.

        Args:
            hashes: Of bytes that a blob named which is gone.
        """
        self._add(namespace_id, set(hashes))
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled. Failures are logged and tried again later."""
        loop = asyncio.get_running_loop()
        due = strays_due = loop.time()
        while True:
            self._woken.clear()
            if loop.time() >= due:
                with self._logged("looking for deletions"):
                    await self._add_all()
                    await self._remove_old_keys()
                    due = loop.time() + LOOK_AT_ALL_EVERY_S
            await self._work()
            self.last_pass_at = time.time()
            if loop.time() >= strays_due:
                with self._logged("looking for bytes that nothing names"):
                    await self._sweep_strays()
                    strays_due = loop.time() + LOOK_FOR_STRAYS_EVERY_S
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_AFTER_S):
                    await self._woken.wait()

    async def one_pass(self) -> None:
        """Look at everything once, and finish all deletions."""
        await self._add_all()
        await self._remove_old_keys()
        await self._work()

    def _add(self, namespace_id: str, hashes: Set[str] | None) -> None:
        known = self._waiting.setdefault(namespace_id, set())
        if known is not None:
            self._waiting[namespace_id] = None if hashes is None else known | hashes

    async def _add_all(self) -> None:
        for namespace_id in await self._namespace_ids():
            self._add(namespace_id, None)

    async def _remove_old_keys(self) -> None:
        for namespace_id in await self._namespace_ids():
            removed = claims.REMOVED_AT_ONCE
            while removed == claims.REMOVED_AT_ONCE:
                async with self._database.transaction(namespace_id) as tx:
                    removed = await claims.remove_some_old(tx)

    async def _sweep_strays(self) -> None:
        for namespace_id in await self._namespace_ids():
            strays = await sweeping.sweep_strays(
                self._database, self._blobs, namespace_id, older_than_s=STRAY_AFTER_S
            )
            if strays:
                logger.info("removed bytes of %d writers that failed in %s", strays, namespace_id)

    async def _namespace_ids(self) -> list[str]:
        async with self._database.transaction() as tx:
            return [row["id"] for row in await tx.rows(_FIND_NAMESPACES)]

    async def _work(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for namespace_id, hashes in waiting.items():
            with self._again_if_it_fails(namespace_id):
                gone = await ending.remove_expired(self._database, self._blobs, namespace_id)
                hashes = None if hashes is None else hashes | gone
            with self._again_if_it_fails(namespace_id, hashes):
                await self._sweep(namespace_id, hashes)
            with self._again_if_it_fails(namespace_id):
                async with self._database.transaction(namespace_id) as tx:
                    bucket_ids = await emptying.find_deleted(tx)
                for bucket_id in bucket_ids:
                    with self._again_if_it_fails(namespace_id):
                        await self._empty(namespace_id, bucket_id)

    async def _empty(self, namespace_id: str, bucket_id: str) -> None:
        while True:
            async with self._database.transaction(namespace_id) as tx:
                hashes = await emptying.remove_some(tx, bucket_id)
            if hashes is None:
                return
            with self._again_if_it_fails(namespace_id, set(hashes)):
                await self._sweep(namespace_id, set(hashes))

    async def _sweep(self, namespace_id: str, hashes: Set[str] | None) -> None:
        if hashes is None:
            while await sweeping.sweep(self._database, self._blobs, namespace_id):
                pass
        else:
            await sweeping.sweep(
                self._database,
                self._blobs,
                namespace_id,
                hashes=list(hashes),
                limit=len(hashes) + _CONDEMNED_AT_ONCE,
            )

    @contextmanager
    def _again_if_it_fails(
        self, namespace_id: str, hashes: Set[str] | None = frozenset()
    ) -> Iterator[None]:
        with self._logged(f"finishing deletions in {namespace_id}"):
            try:
                yield
            except Exception:
                self._add(namespace_id, hashes)
                raise

    @contextmanager
    def _logged(self, work: str) -> Iterator[None]:
        """Log the failure of the block, and go on after it."""
        try:
            yield
        except Unavailable as error:
            self.failures += 1
            logger.warning("%s: %s (tried again in %d s)", work, error, RETRY_AFTER_S)
        except Exception:
            self.failures += 1
            logger.exception("%s failed (tried again in %d s)", work, RETRY_AFTER_S)

"""The watch itself: what was read is followed, and shown."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AbstractContextManager, aclosing, suppress
from typing import Any, Protocol

from gateway.enums import EntityKind
from gateway.remote import Refusal
from gateway.status import ENDS
from gateway.watching.api import Counts, WatchedGateway
from gateway.watching.following import Message
from gateway.watching.unfinished import Unfinished

# Between two looks at how much is in each status.
_COUNT_EVERY_S = 0.25


class View(Protocol):
    """Shows what happens."""

    def shown(self) -> AbstractContextManager[Any]:
        """Return what shows this for as long as it is entered."""

    @property
    def wants_counts(self) -> bool:
        """Whether it shows how much is in each status."""

    @property
    def wants_names(self) -> bool:
        """Whether it shows what things are called."""

    def found(self, bucket_name: str) -> None:
        """Show what the bucket is called."""

    def event(self, message: Message) -> None:
        """Show an event."""

    def reset(self, message: Message) -> None:
        """Show that events are missing."""

    def counted(self, counts: Counts) -> None:
        """Show how much is in each status."""

    def following(self, is_live: bool) -> None:
        """Show whether what comes happens now."""

    def waiting(self, why: Refusal) -> None:
        """Show that the gateway is away."""


class Watcher:
    """Shows what happens in a bucket, or in all, through every disconnect.

    ``cursor`` is the place after which another watch would go on.

    Args:
        bucket: Its name or id; None: all that the key can see.
    """

    def __init__(self, gateway: WatchedGateway, view: View, *, bucket: str | None) -> None:
        self._gateway = gateway
        self._view = view
        self._bucket = bucket
        self._bucket_id: str | None = None
        self._unfinished = Unfinished()
        self._has_changed = asyncio.Event()
        self.cursor = ""

    async def run(self, *, after: str | None, until_done: bool) -> Counts | None:
        """Follow until the bucket is gone or, if asked for, everything is at an end.

        Args:
            after: The place after which it begins; None: now.

        Returns:
            How much is in each status when all is at an end; None: the bucket is gone.

        Raises:
            Refusal: The gateway does not take the key, the bucket or the place.
        """
        if self._bucket is not None:
            found = await self._gateway.find_bucket(self._bucket)
            self._bucket_id = found["id"]
            self._view.found(found["bucketName"])
        self.cursor = await self._gateway.read_cursor() if after is None else after
        if until_done:
            await self._read_unfinished()
            if after is None and self._unfinished.is_empty:
                counts = await self._count()
                if counts is None or _is_at_an_end(counts):
                    return counts
        counting = asyncio.create_task(self._keep_counting()) if self._view.wants_counts else None
        try:
            return await self._follow(until_done=until_done)
        finally:
            if counting is not None:
                counting.cancel()
                with suppress(asyncio.CancelledError):
                    await counting

    async def _follow(self, *, until_done: bool) -> Counts | None:
        is_live = False
        filter = {"bucketIds": [self._bucket_id]} if self._bucket_id else {}
        named = self._view.wants_names
        messages = self._gateway.messages(self.cursor, filter=filter, named=named)
        async with aclosing(messages):
            async for message in messages:
                match message["__typename"]:
                    case "StatusCheckpoint":
                        is_live = not message["replaying"]
                        self._view.following(is_live)
                    case "StatusReset":
                        self._view.reset(message)
                        if until_done:
                            await self._read_unfinished()
                    case _:
                        self._view.event(message)
                        self._unfinished.take(message)
                        if message["nodeId"] == self._bucket_id and message["event"] == "DELETED":
                            return None
                self.cursor = message["cursor"]
                self._has_changed.set()
                # Before it is live, what is at an end now may have been at work in between.
                if until_done and is_live and self._unfinished.is_empty:
                    counts = await self._count()
                    if counts is not None and _is_at_an_end(counts):
                        return counts
        raise AssertionError("messages do not end")

    async def _read_unfinished(self) -> None:
        await self._unfinished.read(self._gateway.unfinished(self._bucket_id))

    async def _count(self) -> Counts | None:
        counts = await self._gateway.count(self._bucket_id)
        if counts is not None:
            self._view.counted(counts)
        return counts

    async def _keep_counting(self) -> None:
        """Count anew when something has happened: events do not tell what was there before."""
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            await self._count()
            await asyncio.sleep(_COUNT_EVERY_S)


def _is_at_an_end(counts: Counts) -> bool:
    """Return whether nothing goes on."""
    return _are_ended(counts.objects, EntityKind.OBJECT) and _are_ended(
        counts.documents, EntityKind.DOCUMENT
    )


def _are_ended(counter: Counter[str], kind: EntityKind) -> bool:
    return all(status in ENDS[kind] for status, count in counter.items() if count)

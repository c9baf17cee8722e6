"""A blob store whose calls are noted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TypeVar

from gateway.blobs.store import BegunParts, BlobStore, Digest, Listed, Part
from gateway.observing.blob_calls import BlobCalls

T = TypeVar("T")


class NotedBlobStore:
    """Hands all on to a store, and tells how long that took and how it ended."""

    def __init__(self, store: BlobStore, calls: BlobCalls) -> None:
        self._store = store
        self._calls = calls
        # These ask nobody.
        self.download_url = store.download_url
        self.upload_target = store.upload_target
        self.part_target = store.part_target

    async def put(self, key: str, data: bytes) -> None:
        """Keep ``data``."""
        with self._noted("put"):
            await self._store.put(key, data)

    async def put_stream(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        size_bytes: int | None = None,
        sha256: str | None = None,
    ) -> Digest:
        """Keep what ``chunks`` gives; the time is also that of whoever gives it."""
        with self._noted("put_stream"):
            return await self._store.put_stream(key, chunks, size_bytes=size_bytes, sha256=sha256)

    async def size(self, key: str) -> int | None:
        """Return the size in bytes."""
        with self._noted("size"):
            return await self._store.size(key)

    async def read(self, key: str) -> bytes | None:
        """Return the bytes."""
        with self._noted("read"):
            return await self._store.read(key)

    async def stream(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes; each chunk is a call."""
        async for chunk in self._each("stream", self._store.stream(key, start=start, end=end)):
            yield chunk

    async def copy(self, source: str, key: str) -> None:
        """Keep the bytes of ``source`` under ``key`` too."""
        with self._noted("copy"):
            await self._store.copy(source, key)

    async def delete(self, key: str) -> None:
        """Remove what is under the key."""
        with self._noted("delete"):
            await self._store.delete(key)

    async def listed(self, prefix: str) -> AsyncIterator[Listed]:
        """Yield the keys that begin with ``prefix``; each is a call."""
        async for each in self._each("listed", self._store.listed(prefix)):
            yield each

    async def begin_parts(self, key: str, *, mime_type: str) -> str:
        """Begin an upload in parts."""
        with self._noted("begin_parts"):
            return await self._store.begin_parts(key, mime_type=mime_type)

    async def begun_parts(self, prefix: str) -> AsyncIterator[BegunParts]:
        """Yield the uploads in parts that are open; each is a call."""
        async for each in self._each("begun_parts", self._store.begun_parts(prefix)):
            yield each

    async def parts(self, key: str, parts_id: str) -> list[Part]:
        """Return the parts that have come."""
        with self._noted("parts"):
            return await self._store.parts(key, parts_id)

    async def join_parts(self, key: str, parts_id: str, parts: Sequence[Part]) -> None:
        """Put the bytes of the parts under the key."""
        with self._noted("join_parts"):
            await self._store.join_parts(key, parts_id, parts)

    async def abort_parts(self, key: str, parts_id: str) -> None:
        """Remove the parts of an upload."""
        with self._noted("abort_parts"):
            await self._store.abort_parts(key, parts_id)

    async def check(self) -> None:
        """Return if bytes can be kept now."""
        with self._noted("check"):
            await self._store.check()

    @contextmanager
    def _noted(self, name: str) -> Iterator[None]:
        started_at = perf_counter()
        try:
            yield
        except BaseException as error:
            self._calls.ended(name, started_at, error)
            raise
        self._calls.ended(name, started_at)

    async def _each(self, name: str, items: AsyncIterator[T]) -> AsyncIterator[T]:
        """Yield items; each wait for one is a call."""
        while True:
            with self._noted(name):
                item = await anext(items, None)
            if item is None:
                return
            yield item

"""Takes the measure of bytes while they pass."""

from __future__ import annotations

import asyncio
import hashlib

from gateway.blobs.store import BlobStore, Digest
from gateway.errors import InvalidInput


class Measure:
    """Counts and hashes what is added.

    Args:
        size_bytes, sha256: What it has to come to; None: anything.
    """

    def __init__(self, *, size_bytes: int | None = None, sha256: str | None = None) -> None:
        self._wanted_bytes = size_bytes
        self._wanted_sha256 = sha256
        self._size_bytes = 0
        self._hash = hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Take one more piece in.

        Raises:
            InvalidInput: It is more than was to come.
        """
        self._size_bytes += len(data)
        self._hash.update(data)
        if self._wanted_bytes is not None and self._size_bytes > self._wanted_bytes:
            raise InvalidInput(
                f"more than the {self._wanted_bytes} bytes came that were announced",
                ("sizeBytes",),
            )

    def result(self) -> Digest:
        """Return what all pieces come to.

        Raises:
            InvalidInput: It is not what was to come.
        """
        digest = Digest(self._size_bytes, self._hash.hexdigest())
        if self._wanted_bytes not in (None, digest.size_bytes):
            raise InvalidInput(
                f"{digest.size_bytes} bytes came; {self._wanted_bytes} were announced",
                ("sizeBytes",),
            )
        if self._wanted_sha256 not in (None, digest.sha256):
            raise InvalidInput(
                f"the bytes that came have SHA-256 {digest.sha256};"
                f" {self._wanted_sha256} was announced",
                ("sha256",),
            )
        return digest


async def digest(store: BlobStore, key: str) -> Digest:
    """Read what is under a key once, in little memory, and return what it is.

    Raises:
        NoBytes: There is nothing under the key.
    """
    measure = Measure()
    async for chunk in store.stream(key):
        await asyncio.to_thread(measure.add, chunk)
    return measure.result()

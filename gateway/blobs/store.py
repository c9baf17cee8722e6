"""What the gateway asks of a place for bytes, and the keys that bytes have there.

Every key is new: it holds one content, from when that comes until it is deleted, and never another
(decision 0006). So a deletion that was begun and is late, or is tried again, cannot reach bytes
that anybody still wants, and bytes are never copied to where they belong: they come under the key
at which they stay.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.errors import InvalidInput

# The rules of S3, which the local store follows, so that what works on one works on the other.
MAX_PUT_BYTES = 5 * 1024**3  # by one signed PUT, or as one part
MIN_PART_BYTES = 5 * 1024**2  # the last part may be smaller
MAX_PARTS = 10_000

_TOKEN_BYTES = 16  # so many that no two keys are ever the same


class NoBytes(LookupError):
    """There is nothing under the key, or no upload in parts of that id."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What bytes are known by.

    Args:
        sha256: As 64 lower-case hex digits.
    """

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class UploadTarget:
    """Where a client sends bytes by HTTP PUT, with no key of ours.

    Args:
        headers: To be sent as they are. Content-Length is not among them, since browsers set it
            themselves; it is bound all the same.
    """

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the store has.

    Args:
        number: From 1 to ``MAX_PARTS``.
        etag: What the store calls this version of it.
    """

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A key of the store, with the time at which its bytes came."""

    key: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class BegunParts:
    """An upload in parts that is neither joined nor aborted.

    Args:
        since: When it was begun, or a part of it came.
    """

    key: str
    parts_id: str
    since: datetime


class BlobStore(Protocol):
    """Keeps bytes under keys from ``new_key``.

    The store knows bytes only. Names and media types belong to each blob, and travel in its link.

    Raises:
        Unavailable: Any method that is asynchronous: the store gives no answer, or cannot keep
            anything now. What was asked for may have happened or not; asking again is harmless.
    """

    async def put(self, key: str, data: bytes) -> None:
        """Keep ``data``: once this returns, a crash loses nothing."""

    async def put_stream(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        size_bytes: int | None = None,
        sha256: str | None = None,
    ) -> Digest:
        """Keep what ``chunks`` gives, in memory that does not grow with it; return what it was.

        There is nothing under the key before the end has come. If ``chunks`` raises or the caller
        is cancelled, nothing is kept, and that goes on to the caller: limits of size and time
        belong there.

        Args:
            size_bytes, sha256: What it has to come to; None: anything.

        Raises:
            InvalidInput: It came to something else; nothing is kept.
        """

    async def size(self, key: str) -> int | None:
        """Return the size in bytes, None if there is nothing under the key."""

    async def read(self, key: str) -> bytes | None:
        """Return the bytes, None if there is nothing under the key; for small ones."""

    def stream(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` up to and without ``end``, in chunks of the store's size.

        Nothing is asked before the first chunk is. What lies beyond the last byte is left out.

        Raises:
            NoBytes: There is nothing under the key.
        """

    async def copy(self, source: str, key: str) -> None:
        """Keep the bytes of ``source`` under ``key`` too; for those that came by one PUT.

        Raises:
            NoBytes: There is nothing under ``source``.
        """

    async def delete(self, key: str) -> None:
        """Remove what is under the key, if anything."""

    def listed(self, prefix: str) -> AsyncIterator[Listed]:
        """Yield the keys that begin with ``prefix``, in no order that is promised.

        Those that come or go meanwhile are yielded or not. Uploads in parts are none yet.
        """

    def download_url(
        self, key: str, *, expires_in_s: int, filename: str | None, mime_type: str | None
    ) -> str:
        """Return a link that serves the bytes to whoever has it; needs no round trip.

        Args:
            expires_in_s: As ``signing.check_expiry`` allows.
            filename: The name under which a browser saves them; None: the end of the key.
            mime_type: Their Content-Type; None: application/octet-stream.
        """

    def upload_target(
        self,
        key: str,
        *,
        expires_in_s: int,
        size_bytes: int,
        mime_type: str,
        sha256: str | None,
    ) -> UploadTarget:
        """Return where a client sends bytes straight to the store; needs no round trip.

        The store refuses another size or type, and bytes of another SHA-256 where that is given;
        after a refusal there is nothing under the key. So if this was called for the key with
        ``sha256``, and never without it, bytes under the key are the right ones, and all that is
        left to ask for is whether they are there (``size``).

        Without ``sha256`` whoever has the target can replace the bytes as long as it works, also
        after they were looked at. Then ``copy`` them to a new key of which no target was ever
        given away, and take the ``measure.digest`` of that. (An upload in parts needs no copy: once
        joined, it is closed.)

        Nothing can be told from an ETag.

        Args:
            size_bytes: At most ``MAX_PUT_BYTES``.
        """

    async def begin_parts(self, key: str, *, mime_type: str) -> str:
        """Begin an upload in parts; return its id. There is nothing under the key until the end."""

    def part_target(
        self, key: str, parts_id: str, number: int, *, expires_in_s: int, size_bytes: int
    ) -> UploadTarget:
        """Return where a client sends one part; needs no round trip.

        Parts come in any order, several at once, and again: the last of a number counts. The store
        refuses another size.

        Args:
            number: From 1 to ``MAX_PARTS``.
            size_bytes: At least ``MIN_PART_BYTES`` unless it is the last.
        """

    async def parts(self, key: str, parts_id: str) -> list[Part]:
        """Return the parts that have come, by their numbers.

        Raises:
            NoBytes: The upload is unknown or aborted. One that was joined is known to some
                servers and unknown to others.
        """

    async def join_parts(self, key: str, parts_id: str, parts: Sequence[Part]) -> None:
        """Put the bytes of the parts under the key, one after the other; the upload is then closed.

        Of what they are, nothing is known but the sum of the sizes: take the ``measure.digest``.
        Doing it again after it was done is harmless.

        Args:
            parts: As ``parts`` returned them, one or more.

        Raises:
            InvalidInput: One is missing, was replaced since, or is too small.
            NoBytes: The upload is unknown or aborted, and there is nothing under the key.
        """

    async def abort_parts(self, key: str, parts_id: str) -> None:
        """Remove the parts of an upload, if there is such an upload and it was not joined.

        A part that is on its way may come after that; then abort once more.
        """

    def begun_parts(self, prefix: str) -> AsyncIterator[BegunParts]:
        """Yield the uploads in parts of keys that begin with ``prefix``, in no order.

        Those that begin or end meanwhile are yielded or not.
        """

    async def check(self) -> None:
        """Return if bytes can be kept now."""


def new_key(namespace_id: str) -> str:
    """Return a key for bytes of a namespace that no one had before, and no one will have again."""
    return f"{namespace_id}/{secrets.token_hex(_TOKEN_BYTES)}"


def check_parts(parts: Sequence[Part]) -> None:
    """Refuse what no store could join.

    Raises:
        InvalidInput: There are none, or they are not in the order of their numbers.
    """
    if not parts:
        raise InvalidInput("no part has come", ("parts",))
    numbers = [part.number for part in parts]
    if numbers != sorted(set(numbers)):
        raise InvalidInput("parts have to be in the order of their numbers, each once", ("parts",))

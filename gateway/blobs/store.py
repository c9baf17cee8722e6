"""What the gateway asks of a place for bytes, and the names that bytes have there."""

from __future__ import annotations

from typing import Protocol


class BlobStore(Protocol):
    """Keeps bytes under keys made of their content, so what is under a key never changes.

    The store knows bytes only. Names and media types belong to each blob, and travel in its link.

    Raises:
        Unavailable: Any method but ``download_url``: the store gives no answer, or cannot keep
            anything now. What was asked for may have happened or not; asking again is harmless.
    """

    async def put(self, key: str, data: bytes) -> None:
        """Keep ``data``: once this returns, a crash loses nothing. Cheap if it is there already."""

    async def size(self, key: str) -> int | None:
        """Return the size in bytes, None if there is nothing under the key."""

    async def read(self, key: str) -> bytes | None:
        """Return the bytes, None if there is nothing under the key."""

    async def delete(self, key: str) -> None:
        """Remove what is under the key, if anything.

        A deletion that has begun is over when this returns or raises, even if the caller is
        cancelled: it must not reach bytes that are put under the key later.
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

    async def check(self) -> None:
        """Return if bytes can be kept now."""


def content_key(namespace_id: str, content_hash: str) -> str:
    """Return the key of content: bytes are stored once per namespace, and never shared between two.

    Args:
        content_hash: SHA-256 of the bytes, as 64 lower-case hex digits.
    """
    return f"{namespace_id}/{content_hash}"

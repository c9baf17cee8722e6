"""Cuts a stream into pieces of one size, in memory for one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO

from gateway.blobs.measure import Measure


async def pieces(
    chunks: AsyncIterator[bytes], measure: Measure, *, piece_bytes: int
) -> AsyncIterator[BytesIO]:
    """Yield pieces of that size, and what is left in the end, even if it is nothing.

    A piece is overwritten by the next.

    Args:
        measure: Is told of all bytes.
    """
    piece = BytesIO()
    async for chunk in chunks:
        measure.add(chunk)
        rest = memoryview(chunk)
        while rest:
            taken = rest[: piece_bytes - piece.tell()]
            piece.write(taken)
            rest = rest[len(taken) :]
            if piece.tell() == piece_bytes:
                piece.seek(0)
                yield piece
                piece.seek(0)
    piece.truncate()
    piece.seek(0)
    yield piece


def size_of(piece: BytesIO) -> int:
    """Return the size of a piece in bytes."""
    return piece.getbuffer().nbytes

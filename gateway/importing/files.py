"""Files as they lie in a folder: what they are known by, and their bytes in pieces."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.enums import FieldType
from gateway.objects.mime_types import guess

_CHUNK_BYTES = 1024**2
_HEAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file, as it was when it was looked at."""

    path: Path
    key_prefix: str
    size_bytes: int
    sha256: str
    mime_type: str


def look(path: Path, key_prefix: str) -> LocalFile:
    """Return what a file is known by, which takes reading it whole."""
    digest = hashlib.sha256()
    size_bytes = 0
    head = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            head = head or chunk[:_HEAD_BYTES]
            size_bytes += len(chunk)
            digest.update(chunk)
    mime_type = guess(head, filename=path.name, field_type=FieldType.BINARY)
    return LocalFile(path, key_prefix, size_bytes, digest.hexdigest(), mime_type)


async def chunks(file: BinaryIO, start: int, size_bytes: int) -> AsyncIterator[bytes]:
    """Yield the bytes of an open file from ``start`` on."""
    file.seek(start)
    left = size_bytes
    while left and (chunk := await asyncio.to_thread(file.read, min(left, _CHUNK_BYTES))):
        left -= len(chunk)
        yield chunk

"""Bytes in a folder of this machine, behind links that the gateway itself serves."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

from gateway.blobs import files, local_parts
from gateway.blobs.files import Draft, in_thread
from gateway.blobs.measure import Measure
from gateway.blobs.signing import Link, UrlSigner
from gateway.blobs.store import (
    BegunParts,
    Digest,
    Listed,
    NoBytes,
    Part,
    UploadTarget,
    check_parts,
)

_CHUNK_BYTES = 1024 * 1024
_PARTS_ID_BYTES = 16


class LocalBlobStore:
    """A folder of files, each named by its key in quotes, so no caller's text becomes a path.

    ``o/`` holds the files, in 256 folders; ``parts/`` a folder for each upload in parts;
    ``tmp/`` what is being written or removed. No other process may use the folder at the same time.

    Raises:
        Unavailable: The folder cannot be made.
    """

    def __init__(self, folder: Path, signer: UrlSigner) -> None:
        self.signer = signer
        self._files = folder / "o"
        self._parts = folder / "parts"
        self._drafts = folder / "tmp"
        with files.translated():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for each in (self._files, self._parts, self._drafts):
                each.mkdir(exist_ok=True)
            for leftover in self._drafts.iterdir():  # of a process that was killed
                files.remove(leftover)

    def path(self, key: str) -> Path:
        """Return where the bytes of a key are, if they are kept."""
        return self._files / hashlib.sha256(key.encode()).hexdigest()[:2] / _name_of(key)

    async def put(self, key: str, data: bytes) -> None:
        """Keep ``data``; when this returns, a crash does not lose it."""
        await in_thread(self._put, self.path(key), data)

    async def put_stream(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        size_bytes: int | None = None,
        sha256: str | None = None,
    ) -> Digest:
        """Keep what ``chunks`` gives, through a draft."""
        measure = Measure(size_bytes=size_bytes, sha256=sha256)
        async with self._written(chunks, measure) as draft:
            digest = measure.result()
            await in_thread(self._move_in, draft, self.path(key))
        return digest

    async def size(self, key: str) -> int | None:
        """Return the size in bytes, None if there is nothing under the key."""
        return await in_thread(files.size, self.path(key))

    async def read(self, key: str) -> bytes | None:
        """Return the bytes, None if there is nothing under the key."""
        return await in_thread(files.read, self.path(key))

    async def stream(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` up to and without ``end``."""
        file = await in_thread(files.open_at, self.path(key), start)
        try:
            left = None if end is None else max(0, end - start)
            while chunk := await in_thread(file.read, min(_CHUNK_BYTES, left or _CHUNK_BYTES)):
                if left is not None:
                    chunk = chunk[:left]
                    left -= len(chunk)
                yield chunk
                if left == 0:
                    return
        finally:
            file.close()

    async def copy(self, source: str, key: str) -> None:
        """Let the bytes of ``source`` be found under ``key`` too.

        Files are replaced and never changed, so one file under two names stays what it is.
        """
        await in_thread(self._copy, self.path(source), self.path(key))

    async def delete(self, key: str) -> None:
        """Remove what is under the key, if anything."""
        await in_thread(self.path(key).unlink, missing_ok=True)

    async def listed(self, prefix: str) -> AsyncIterator[Listed]:
        """Yield the keys that begin with ``prefix``."""
        for folder in await in_thread(files.entries, self._files):
            for each in await in_thread(_listed, folder):
                if each.key.startswith(prefix):
                    yield each

    def download_url(
        self, key: str, *, expires_in_s: int, filename: str | None, mime_type: str | None
    ) -> str:
        """Return a link to ``gateway.http.blobs``."""
        link = Link(key, _in(expires_in_s), filename=filename, mime_type=mime_type)
        return self.signer.url("GET", link)

    def upload_target(
        self, key: str, *, expires_in_s: int, size_bytes: int, mime_type: str, sha256: str | None
    ) -> UploadTarget:
        """Return a link to ``gateway.http.blobs`` that takes one PUT."""
        link = Link(
            key, _in(expires_in_s), mime_type=mime_type, size_bytes=size_bytes, sha256=sha256
        )
        return UploadTarget(self.signer.url("PUT", link), {"Content-Type": mime_type})

    async def begin_parts(self, key: str, *, mime_type: str) -> str:  # noqa: ARG002
        """Make the folder of an upload in parts; return its id."""
        parts_id = secrets.token_hex(_PARTS_ID_BYTES)
        await in_thread(local_parts.begin, self._folder(key, parts_id))
        return parts_id

    def part_target(
        self, key: str, parts_id: str, number: int, *, expires_in_s: int, size_bytes: int
    ) -> UploadTarget:
        """Return a link to ``gateway.http.blobs`` that takes one part."""
        link = Link(key, _in(expires_in_s), size_bytes=size_bytes, parts_id=parts_id, part=number)
        return UploadTarget(self.signer.url("PUT", link), {})

    async def put_part(
        self,
        key: str,
        parts_id: str,
        number: int,
        chunks: AsyncIterator[bytes],
        *,
        size_bytes: int,
    ) -> Part:
        """Keep a part that a client sends.

        Raises:
            InvalidInput: It is larger or smaller than it was to be.
            NoBytes: The upload is unknown, joined or aborted.
        """
        measure = Measure(size_bytes=size_bytes)
        async with self._written(chunks, measure) as draft:
            measure.result()
            folder = self._folder(key, parts_id)
            return await in_thread(local_parts.move_in, draft.path, folder, number)

    async def parts(self, key: str, parts_id: str) -> list[Part]:
        """Return the parts that have come, by their numbers."""
        return await in_thread(local_parts.find, self._folder(key, parts_id))

    async def join_parts(self, key: str, parts_id: str, parts: Sequence[Part]) -> None:
        """Copy the parts into one file; remove them."""
        check_parts(parts)
        await in_thread(self._join, self._folder(key, parts_id), self.path(key), parts)

    async def abort_parts(self, key: str, parts_id: str) -> None:
        """Remove the parts of an upload, if there is such an upload."""
        await in_thread(local_parts.remove, self._folder(key, parts_id), self._drafts)

    async def begun_parts(self, prefix: str) -> AsyncIterator[BegunParts]:
        """Yield the uploads in parts of keys that begin with ``prefix``."""
        for each in await in_thread(_begun_parts, self._parts):
            if each.key.startswith(prefix):
                yield each

    async def check(self) -> None:
        """Return if a file can be written now."""
        await in_thread(self._write_draft_and_drop_it)

    def _folder(self, key: str, parts_id: str) -> Path:
        return self._parts / (_name_of(key) + _name_of(parts_id))

    def _put(self, path: Path, data: bytes) -> None:
        with contextlib.closing(Draft(self._drafts)) as draft:
            draft.write(data)
            draft.sync()
            self._move_in(draft, path)

    def _join(self, folder: Path, path: Path, parts: Sequence[Part]) -> None:
        if not folder.exists():
            if path.exists():
                return  # it was joined before
            raise NoBytes
        with contextlib.closing(Draft(self._drafts)) as draft:
            local_parts.append_all(draft.file, folder, parts)
            draft.sync()
            self._move_in(draft, path)
        local_parts.remove(folder, self._drafts)

    def _copy(self, source: Path, path: Path) -> None:
        self._make_parent(path)
        try:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(source)
        except FileNotFoundError as error:
            raise NoBytes from error
        files.sync_folder(path.parent)

    def _move_in(self, draft: Draft, path: Path) -> None:
        self._make_parent(path)
        draft.path.replace(path)
        files.sync_folder(path.parent)

    def _make_parent(self, path: Path) -> None:
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            files.sync_folder(self._files)

    def _write_draft_and_drop_it(self) -> None:
        with contextlib.closing(Draft(self._drafts)) as draft:
            draft.write(b"?")
            draft.sync()

    @asynccontextmanager
    async def _written(
        self, chunks: AsyncIterator[bytes], measure: Measure
    ) -> AsyncIterator[Draft]:
        """Give a draft of all that came, measured; after the block it is gone, unless moved."""
        with files.translated():  # not in a thread: who is cancelled there would leave it behind
            draft = Draft(self._drafts)

        def write(chunk: bytes) -> None:
            measure.add(chunk)
            draft.write(chunk)

        try:
            async for chunk in chunks:
                await in_thread(write, chunk)
            await in_thread(draft.sync)
            yield draft
        finally:
            await in_thread(draft.close)


def _in(seconds: int) -> int:
    return int(time.time()) + seconds


def _name_of(key: str) -> str:
    # "." and ".." are not changed by quoting; "=" is.
    return "=" + quote(key, safe="")


def _listed(folder: Path) -> list[Listed]:
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # deleted just now
            state = path.stat()
            modified_at = datetime.fromtimestamp(state.st_mtime, UTC)
            found.append(Listed(unquote(path.name[1:]), state.st_size, modified_at))
    return found


def _begun_parts(folder: Path) -> list[BegunParts]:
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # joined or aborted just now
            since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            _, key, parts_id = path.name.split("=")
            found.append(BegunParts(unquote(key), unquote(parts_id), since))
    return found

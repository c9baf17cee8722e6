"""Bytes in a folder of this machine, behind links that the gateway itself serves."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

from gateway.blobs.signing import Link, UrlSigner
from gateway.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class LocalBlobStore:
    """A folder of files, each named by the SHA-256 of its key, so no caller's text becomes a path.

    ``o/`` holds the files, in 256 folders; ``tmp/`` those being written. No other process may use
    the folder at the same time.

    Raises:
        Unavailable: The folder cannot be made.
    """

    def __init__(self, folder: Path, signer: UrlSigner) -> None:
        self.signer = signer
        self._files = folder / "o"
        self._drafts = folder / "tmp"
        with _translated():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files.mkdir(exist_ok=True)
            self._drafts.mkdir(exist_ok=True)
            for leftover in self._drafts.iterdir():  # of a process that was killed
                leftover.unlink()

    def path(self, key: str) -> Path:
        """Return where the bytes of a key are, if they are kept."""
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._files / name[:2] / name

    async def put(self, key: str, data: bytes) -> None:
        """Keep ``data``; when this returns, a crash does not lose it."""
        await _in_thread(self._put, self.path(key), data)

    async def size(self, key: str) -> int | None:
        """Return the size in bytes, None if there is nothing under the key."""
        return await _in_thread(_size, self.path(key))

    async def read(self, key: str) -> bytes | None:
        """Return the bytes, None if there is nothing under the key."""
        return await _in_thread(_read, self.path(key))

    async def delete(self, key: str) -> None:
        """Remove what is under the key, if anything."""
        await _in_thread(self.path(key).unlink, missing_ok=True)

    def download_url(
        self, key: str, *, expires_in_s: int, filename: str | None, mime_type: str | None
    ) -> str:
        """Return a link to ``gateway.http.blobs``."""
        link = Link(key, int(time.time()) + expires_in_s, filename, mime_type)
        return self.signer.url("GET", link)

    async def check(self) -> None:
        """Return if a file can be written now."""
        await _in_thread(self._write_draft_and_drop_it)

    def _put(self, path: Path, data: bytes) -> None:
        if _size(path) == len(data):
            os.utime(path)  # it is in use again, whatever its age
        else:
            if not path.parent.exists():
                path.parent.mkdir(exist_ok=True)
                _sync_folder(self._files)
            with self._draft(data) as draft:
                draft.replace(path)
        # In both cases: who renamed it may have been killed before coming this far.
        _sync_folder(path.parent)

    def _write_draft_and_drop_it(self) -> None:
        with self._draft(b"?"):
            pass

    @contextlib.contextmanager
    def _draft(self, data: bytes) -> Iterator[Path]:
        descriptor, name = tempfile.mkstemp(dir=self._drafts)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            yield draft
        finally:
            draft.unlink(missing_ok=True)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do blocking work off the event loop; being cancelled waits for its end.

    A thread cannot be stopped. Were it left behind, its caller's locks would be gone while it still
    writes or deletes.
    """
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, functools.partial(work, *args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    with _translated():
        result = future.result()
    if cancelled is not None:
        raise cancelled
    return result


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable("the blob store gives no answer; try again") from error

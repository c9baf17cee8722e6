"""Blocking work on files, and how it is done off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from gateway.blobs.store import NoBytes
from gateway.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class Draft:
    """A file that is being written, until it is moved to where it belongs."""

    def __init__(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(dir=folder)
        self.file: BinaryIO = os.fdopen(descriptor, "wb")
        self.path = Path(name)

    def write(self, data: bytes) -> None:
        """Add to what is written."""
        self.file.write(data)

    def sync(self) -> None:
        """Return once a crash does not lose what is written."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def close(self) -> None:
        """Remove it, unless it was moved."""
        with contextlib.suppress(OSError):  # a full disk is told of by ``sync``
            self.file.close()
        self.path.unlink(missing_ok=True)


def open_at(path: Path, start: int) -> BinaryIO:
    """Open a file to read it from ``start``.

    Raises:
        NoBytes: There is none.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise NoBytes from error
    file.seek(start)
    return file


def size(path: Path) -> int | None:
    """Return a file's size, None if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def read(path: Path) -> bytes | None:
    """Return what a file holds, None if there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder."""
    return list(folder.iterdir())


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def sync_folder(folder: Path) -> None:
    """Return once a crash does not lose which files are in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do blocking work off the event loop; being cancelled waits for its end.

    A thread cannot be stopped: left behind, it would write to files that its caller has closed.

    Raises:
        Unavailable: The file system refuses.
    """
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, functools.partial(work, *args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    with translated():
        result = future.result()
    if cancelled is not None:
        raise cancelled
    return result


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what the file system raises into what callers of a store know.

    Raises:
        Unavailable: The file system refuses.
    """
    try:
        yield
    except OSError as error:
        raise Unavailable("the blob store gives no answer; try again") from error

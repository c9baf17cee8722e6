"""The state folder: what a gateway without an outside database keeps on disk."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotStart(Exception):
    """Something keeps the gateway from starting; the message says what, and what to do."""


class StateInUse(CannotStart):
    """Another process has the state folder."""


class StateFolder:
    """A folder that this process has to itself; made by ``open_state``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> str | None:
        """Return the text of a small file, None if it is not there."""
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write(self, name: str, text: str) -> None:
        """Keep a small text that only the owner may read; it is there whole or not at all."""
        new = self.path / f"{name}.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(self.path / name)

    def secret(self, name: str) -> str:
        """Return 256 random bits as letters, digits, - and _; they are made at the first call."""
        text = self.read(name)
        if text is None:
            text = secrets.token_urlsafe(32)
            self.write(name, text)
        return text


@contextmanager
def open_state(path: str | Path) -> Iterator[StateFolder]:
    """Make the folder if need be and keep all other processes out of it until the block ends.

    The kernel drops the lock with the process, however that ends, so none is ever left behind.

    Raises:
        StateInUse: another process has it.
        CannotStart: the folder cannot be made, written or locked.
    """
    folder = Path(path).expanduser().resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "gateway.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(
            f"the state folder {folder} cannot be used ({error.strerror});"
            " name another with --state"
        ) from error
    try:
        _take(lock, folder)
        yield StateFolder(folder)
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 32, 0).decode().strip() or "unknown"
        raise StateInUse(
            f"the state folder {folder} is in use by another gateway (process id {holder});"
            " stop that one, or give this one a folder of its own with --state"
        ) from error
    except OSError as error:
        raise CannotStart(
            f"the state folder {folder} cannot be locked ({error.strerror}): its file system"
            " has no locks; name a folder on a local disk with --state"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

"""Uploads in parts, as files of a folder for each; all of it blocks."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from gateway.blobs.files import sync_folder
from gateway.blobs.store import MIN_PART_BYTES, NoBytes, Part
from gateway.errors import InvalidInput

_CHUNK_BYTES = 1024 * 1024


def begin(folder: Path) -> None:
    """Make the folder of an upload."""
    folder.mkdir()
    sync_folder(folder.parent)


def move_in(draft: Path, folder: Path, number: int) -> Part:
    """Make a finished draft part ``number``; it replaces one that came before.

    Raises:
        NoBytes: There is no such upload.
    """
    path = folder / str(number)
    try:
        draft.replace(path)
    except FileNotFoundError as error:
        raise NoBytes from error
    sync_folder(folder)
    return _part(number, path.stat())


def find(folder: Path) -> list[Part]:
    """Return the parts that have come, by their numbers.

    Raises:
        NoBytes: There is no such upload.
    """
    try:
        found = [_part(int(path.name), path.stat()) for path in folder.iterdir()]
    except FileNotFoundError as error:
        raise NoBytes from error
    return sorted(found, key=lambda part: part.number)


def append_all(whole: BinaryIO, folder: Path, parts: Sequence[Part]) -> None:
    """Write the parts into a file, one after the other.

    Raises:
        InvalidInput: One is missing, was replaced since, or is too small.
    """
    for part in parts:
        try:
            with (folder / str(part.number)).open("rb") as file:
                if _part(part.number, os.fstat(file.fileno())) != part:
                    raise _refused(part, "was sent again meanwhile; look at the parts anew")
                if part.size_bytes < MIN_PART_BYTES and part is not parts[-1]:
                    raise _refused(
                        part,
                        f"has {part.size_bytes} bytes; each but the last has to have"
                        f" {MIN_PART_BYTES} or more",
                    )
                shutil.copyfileobj(file, whole, _CHUNK_BYTES)
        except FileNotFoundError as error:
            raise _refused(part, "has not come") from error


def remove(folder: Path, away: Path) -> None:
    """Remove an upload with all its parts, if there is one.

    It goes to the folder ``away`` first, for it is to be whole or gone, also to whoever comes after
    a process that was killed.
    """
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder.replace(away / folder.name))


def _part(number: int, state: os.stat_result) -> Part:
    # A part that is sent again is another file, or at least one of another time.
    return Part(number, state.st_size, f"{state.st_ino:x}-{state.st_mtime_ns:x}")


def _refused(part: Part, why: str) -> InvalidInput:
    return InvalidInput(f"part {part.number} {why}", ("parts",))

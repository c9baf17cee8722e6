"""Processes that do with a server what a gateway does, and state folders with data for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.database.embedded.binaries import Binaries, choose_binaries
from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.state import open_state

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def ask() -> Callable[[str, str], Coroutine[Any, Any, Any]]:
    """Opens a connection, runs one statement, gives its one value."""

    async def ask(url: str, statement: str) -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return ask


@pytest.fixture
def gateway_process() -> Callable[..., AbstractContextManager[tuple[subprocess.Popen[str], str]]]:
    """Runs such a process; gives it and the line it says: its server's URL, or what is wrong."""

    @contextmanager
    def gateway_process(
        state: Path, *, programs: Path | str = "", python: str = sys.executable, user: Any = None
    ) -> Iterator[tuple[subprocess.Popen[str], str]]:
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            [python, ROOT / "tests/database/serve_postgres.py", state, programs],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        with process:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()

    return gateway_process


@pytest.fixture(scope="module")
def put(state_folders: Path) -> Callable[[Binaries, Path], Path]:
    """Puts data of a version into a state folder; the version is then found by itself."""

    def put(binaries: Binaries, folder: Path) -> Path:
        made = state_folders / str(binaries.major)
        if not made.exists():
            programs = str(binaries.folder)
            with (
                open_state(made) as state,
                open_postgres(state, postgres_bin=programs, settings=TESTING),
            ):
                pass
        shutil.copytree(made, folder)
        return folder

    return put


@pytest.fixture
def home(state_folder: Path, put: Callable[[Binaries, Path], Path]) -> Path:
    """A state folder with data."""
    return put(choose_binaries(os.environ.get("GATEWAY_POSTGRES_BIN", ""), None), state_folder)


@pytest.fixture
def any_home(
    any_binaries: Binaries, state_folder: Path, put: Callable[[Binaries, Path], Path]
) -> Path:
    """The same, with data of each supported version in turn."""
    return put(any_binaries, state_folder)

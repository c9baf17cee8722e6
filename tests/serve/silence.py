"""A private PostgreSQL that a test stops, freezes and starts again, at one address."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg

from gateway.database.embedded.options import SERVING, TESTING
from gateway.database.embedded.server import EmbeddedPostgres, open_postgres
from gateway.database.state import open_state


class Elsewhere:
    """A PostgreSQL that comes back at the same address when it is started anew."""

    def __init__(self, postgres: EmbeddedPostgres, folder: Path) -> None:
        self._postgres = postgres
        self._data = folder / "elsewhere"
        self._socket = folder / "socket"
        self._lead_to_socket()
        before, _, _ = postgres.url.partition("?")
        self.url = f"{before}?host={quote(str(self._socket))}"

    def stop(self) -> None:
        self._postgres.stop()

    def crash(self) -> None:
        """End it as `pg_ctl stop -m immediate` does: what was not written to its log is lost."""
        os.kill(self._server(), signal.SIGQUIT)
        self._postgres.stop()

    def start(self) -> None:
        self._postgres.start()
        self._lead_to_socket()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes for the length of the block, as `kill -STOP` does."""
        self._send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._send(signal.SIGCONT)

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Keep everybody from a table for the length of the block."""

        async def hold(release: threading.Event, is_held: threading.Event) -> None:
            connection = await asyncpg.connect(self.url)
            await connection.execute(f"BEGIN; LOCK TABLE {table}")
            is_held.set()
            await asyncio.to_thread(release.wait)
            await connection.close()

        release, is_held = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(hold(release, is_held)))
        thread.start()
        try:
            assert is_held.wait(60)
            yield
        finally:
            release.set()
            thread.join()

    def _send(self, number: int) -> None:
        server = self._server()
        # First, so that it makes no more.
        os.kill(server, number)
        for each in children_of(server):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def _server(self) -> int:
        (file,) = self._data.glob("pg*/postmaster.pid")
        return int(file.read_text().split()[0])

    def _lead_to_socket(self) -> None:
        _, _, folder = self._postgres.url.partition("?host=")
        self._socket.unlink(missing_ok=True)
        self._socket.symlink_to(folder)


def children_of(parent: int) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int((each / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(each.name))
    return found


@contextmanager
def elsewhere(folder: Path, *, is_durable: bool = False) -> Iterator[Elsewhere]:
    """Run one for the length of the block."""
    settings = SERVING if is_durable else TESTING
    with (
        open_state(folder / "elsewhere") as state,
        open_postgres(state, settings=settings) as postgres,
    ):
        yield Elsewhere(postgres, folder)

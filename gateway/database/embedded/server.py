"""Start and stop the private server."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gateway.database.embedded.account import ENVIRONMENT, Account, choose_account
from gateway.database.embedded.address import (
    PASSWORDS,
    make_socket_folder,
    remove_socket_folder,
    url_of,
)
from gateway.database.embedded.binaries import Binaries, choose_binaries
from gateway.database.embedded.cluster import make_cluster
from gateway.database.embedded.ending import until_ended
from gateway.database.embedded.leftovers import clear_leftovers
from gateway.database.embedded.options import SERVING, options
from gateway.database.state import CannotStart, StateFolder

START_TIMEOUT_S = 120.0  # after a crash it first reads again what it had not yet put in its place
STOP_TIMEOUT_S = 60.0
STRAGGLERS_S = 60.0
LOG_BYTES = 1024 * 1024

_STRAGGLERS = "pre-existing shared memory block"


class EmbeddedPostgres:
    """A PostgreSQL server, child of this process, whose data are in the state folder.

    It ends with this process, however that ends (on Linux; elsewhere the next start ends it).

    Args:
        postgres_bin: The folder of its programs; empty: see ``binaries.py``.
        settings: PostgreSQL's own.
    """

    def __init__(
        self,
        state: StateFolder,
        *,
        postgres_bin: str = "",
        settings: Mapping[str, str] = SERVING,
    ) -> None:
        self._state = state
        self._postgres_bin = postgres_bin
        self._settings = settings
        self._log = state.path / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the gateway's database is, as the ordinary role that owns it."""
        return self._url("gateway", "gateway")

    def superuser_url(self, database: str = "gateway") -> str:
        """Return where a database is for the role postgres, which no row level security binds."""
        return self._url("postgres", database)

    def start(self) -> None:
        """Start the server, making its data first if need be; return when it takes connections.

        Raises:
            CannotStart: there is no fitting PostgreSQL, or it refuses.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the server ends with the thread that starts it: use the main one")
        major = _newest_major(self._state.path)
        binaries = choose_binaries(self._postgres_bin, major)
        data = self._state.path / f"pg{binaries.major}"
        account = choose_account(data)
        if account.owner is not None:
            self._state.path.chmod(0o711)  # another user has to pass through
        if major is None:
            make_cluster(
                data,
                binaries,
                account,
                passwords={role: self._state.secret(file) for role, file in PASSWORDS.items()},
                durable=self._settings.get("fsync") != "off",
            )
        clear_leftovers(data)
        account.own(data)
        deadline = time.monotonic() + STRAGGLERS_S
        while complaint := self._run(data, binaries, account):
            # After the server was killed, a backend that computes does not see it for a while.
            if _STRAGGLERS not in complaint or time.monotonic() > deadline:
                raise CannotStart(
                    f"PostgreSQL does not start; its log {self._log} ends: {complaint[-2000:]}"
                    f"{account.advice(complaint)}"
                )
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop the server; transactions that are open are rolled back."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # at once; the next start reads what this one left
            process.wait()
        remove_socket_folder(self._state)

    async def wait(self) -> int:
        """Return the server's exit status when it has ended, by ``stop`` or by itself."""
        process = self._process
        if process is None:
            raise RuntimeError("the server has not been started")
        await until_ended(process)
        return process.wait()

    def _run(self, data: Path, binaries: Binaries, account: Account) -> str:
        """Start the server once; return what it says if it does not get ready, else nothing."""
        socket = make_socket_folder(self._state, account)
        command = [str(binaries.postgres), "-D", str(data), "-k", str(socket)]
        self._trim_log()
        with self._log.open("ab") as output:
            log_start = output.tell()
            self._process = subprocess.Popen(
                account.command(*command, *options(self._settings, binaries)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,  # Ctrl-C is for the gateway, which stops the server last
            )
        ready = False
        try:
            ready = _becomes_ready(data, self._process)
        finally:
            if not ready:
                self.stop()
        if ready:
            return ""
        said = self._log.read_bytes()[log_start:].decode(errors="replace").strip()
        return said or "nothing"

    def _url(self, role: str, database: str) -> str:
        url = url_of(self._state.path, role, database)
        if url is None:
            raise RuntimeError("the server is not running")
        return url

    def _trim_log(self) -> None:
        """Begin the log anew once it is long; one old one is kept."""
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.old"))
        self._log.touch(mode=0o600)


@contextmanager
def open_postgres(
    state: StateFolder, *, postgres_bin: str = "", settings: Mapping[str, str] = SERVING
) -> Iterator[EmbeddedPostgres]:
    """Start a server, stop it at the end of the block; see ``EmbeddedPostgres``."""
    server = EmbeddedPostgres(state, postgres_bin=postgres_bin, settings=settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _newest_major(state: Path) -> int | None:
    """Return the major version of the data that are there; the newer of two is an upgrade."""
    names = (path.parent.name for path in state.glob("pg*/PG_VERSION"))
    return max((int(name[2:]) for name in names if re.fullmatch(r"pg\d+", name)), default=None)


def _becomes_ready(data: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server takes connections; False: it ended, or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        if _is_ready(data, process.pid):
            return True
        time.sleep(0.005)
    return False


def _is_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

"""Servers that are copies of each other, as backups and standbys are, at one address in turn."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import asyncpg

from gateway.database.embedded.account import ENVIRONMENT, choose_account
from gateway.database.embedded.binaries import Binaries
from gateway.database.embedded.cluster import make_cluster
from gateway.database.embedded.options import TESTING, options
from tests.events.test_sequencer import until

PASSWORDS = {"gateway": "gateway", "postgres": "postgres"}
_SETTINGS = TESTING | {
    "wal_level": "replica",
    "max_wal_senders": "4",
    "hot_standby": "on",
    "wal_retrieve_retry_interval": "100ms",
}
_IS_CUT_OFF = "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)"


class Cluster:
    """A server, and the data folder that it runs on."""

    def __init__(self, folder: Path, binaries: Binaries) -> None:
        self._log = folder / "log"
        self.binaries = binaries
        self._data = folder / "data"
        self.socket = folder / "socket"
        self._account = choose_account(folder)
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Make its data anew."""
        make_cluster(self._data, self.binaries, self._account, passwords=PASSWORDS, durable=False)

    async def connect(self, role: str = "postgres") -> asyncpg.Connection:
        return await asyncpg.connect(url_at(self.socket, role))

    async def ask(self, statement: str, *values: object) -> object:
        """Run something as the superuser; return the one value that comes of it."""
        connection = await self.connect()
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    async def start(self) -> None:
        """Start it; return when it answers, be it that it only reads."""
        self.socket.mkdir(exist_ok=True)
        for each in (self.socket, self._data):
            self._account.own(each)
        self._process = self._run()

        async def answers() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            with suppress(OSError, asyncpg.PostgresError):
                return bool(await self.ask("SELECT true"))
            return False

        await until(answers)

    def _run(self) -> subprocess.Popen[bytes]:
        command: list[str | Path] = [self.binaries.postgres, "-D", self._data, "-k", self.socket]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._account.command(*command, *options(_SETTINGS, self.binaries)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it at once, and with it all that nobody else has."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGQUIT)
        process.wait()

    def copy(self, other: Cluster, *, is_standby: bool) -> None:
        """Back this server up as the data of another one.

        Args:
            is_standby: It follows this one, once it is started.
        """
        other._data.mkdir(mode=0o700)
        self._account.own(other._data)
        done = subprocess.run(
            self._account.command(
                self.binaries.folder / "pg_basebackup",
                *("--pgdata", other._data, "--host", self.socket, "--username", "postgres"),
                *("--checkpoint=fast", "--wal-method=stream", "--no-sync"),
                *(["--write-recovery-conf"] if is_standby else []),
            ),
            env=ENVIRONMENT | {"PGPASSWORD": PASSWORDS["postgres"]},
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr

    def recover(self, of: Cluster, name: str) -> None:
        """Let the next start go up to a restore point in the log of another server's folder."""
        settings = {
            "restore_command": f"cp {of._data}/pg_wal/%f %p",
            "recovery_target_name": name,
            "recovery_target_action": "promote",
        }
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in settings.items())
        (self._data / "recovery.signal").touch()

    async def has_what(self, other: Cluster) -> None:
        """Return once it has all that another one has."""
        end = await other.ask("SELECT pg_current_wal_lsn()")

        async def has_it() -> bool:
            return bool(await self.ask("SELECT pg_last_wal_replay_lsn() >= $1", end))

        await until(has_it)

    async def cut_off(self) -> None:
        """Follow nobody any more."""
        connection = await self.connect()
        await connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()

        async def is_alone() -> bool:
            return bool(await self.ask(_IS_CUT_OFF))

        await until(is_alone)

    async def promote(self) -> None:
        await self.ask("SELECT pg_promote()")

    async def until_it_writes(self) -> None:
        async def writes() -> bool:
            return not await self.ask("SELECT pg_is_in_recovery()")

        await until(writes)

    async def timeline(self) -> object:
        return await self.ask("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)")


class Clusters:
    """A server that serves at an address, and copies of it that may come to serve in its place.

    Args:
        origin: The first one begins as a copy of this, which has to run.
    """

    def __init__(self, folder: Path, origin: Cluster) -> None:
        self._folder = folder
        self._made: list[Cluster] = []
        self._address = folder / "address"
        self.url = url_at(self._address)
        self.serve(origin)
        self.serve(self.backup())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for each in self._made:
            each.kill()

    def serve(self, cluster: Cluster) -> None:
        """Let the address lead to a server."""
        self.serving = cluster
        self._address.unlink(missing_ok=True)
        self._address.symlink_to(cluster.socket)

    def backup(self) -> Cluster:
        """Return what starts from what the server that serves has now."""
        copy = self._new()
        self.serving.copy(copy, is_standby=False)
        return copy

    async def standby(self) -> Cluster:
        """Return a running server that follows the one that serves now."""
        copy = self._new()
        self.serving.copy(copy, is_standby=True)
        await copy.start()
        return copy

    def _new(self) -> Cluster:
        folder = self._folder / str(len(self._made))
        folder.mkdir(mode=0o755)
        self._made.append(Cluster(folder, self.serving.binaries))
        return self._made[-1]


def url_at(socket: Path, role: str = "gateway") -> str:
    return f"postgresql://{role}:{PASSWORDS[role]}@/gateway?host={quote(str(socket))}"

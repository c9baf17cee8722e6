import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.database.embedded.address import running_url
from gateway.database.embedded.binaries import Binaries
from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import LOG_BYTES, EmbeddedPostgres, open_postgres
from gateway.database.state import CannotStart, StateFolder, open_state

Ask = Callable[[str, str], Coroutine[Any, Any, Any]]
GatewayProcess = Callable[..., AbstractContextManager[tuple[subprocess.Popen[str], str]]]
KEEP_A_ROW = "CREATE TABLE kept AS SELECT 'a row'::text AS text"
THE_ROW = "SELECT text FROM kept"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def state(home: Path) -> Iterator[StateFolder]:
    with open_state(home) as state:
        yield state


@pytest.fixture
def any_state(any_home: Path) -> Iterator[StateFolder]:
    with open_state(any_home) as state:
        yield state


def pid_file(state: Path) -> Path:
    (file,) = state.glob("pg*/postmaster.pid")
    return file


def server_pid(state: Path) -> int:
    return int(pid_file(state).read_text().split()[0])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # In many containers nobody collects the orphans that have ended.
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def ends_within(seconds: float, pid: int) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


@contextmanager
def zombie() -> Iterator[int]:
    """The id of a process that has ended and was not collected."""
    with subprocess.Popen(["/bin/true"]) as process:
        yield process.pid


def socket_folder(url: str) -> Path:
    return Path(url.partition("host=")[2])


async def test_data_survive_and_nothing_else_does(
    any_binaries: Binaries, state_folder: Path, ask: Ask
) -> None:
    with open_state(state_folder) as state:
        with open_postgres(state, postgres_bin=str(any_binaries.folder)) as server:
            await ask(server.url, KEEP_A_ROW)
            pid, sockets = server_pid(state.path), socket_folder(server.url)
            assert str(any_binaries.major) in await ask(server.url, "SELECT version()")
            assert (state.path / f"pg{any_binaries.major}").is_dir()
            assert sockets.stat().st_mode & 0o777 == 0o700

        assert not is_alive(pid)
        assert not sockets.exists()
        with open_postgres(state) as server:
            assert await ask(server.url, THE_ROW) == "a row"


async def test_the_gateway_is_an_ordinary_role_that_owns_its_database(
    any_state: StateFolder, ask: Ask
) -> None:
    with open_postgres(any_state) as server:
        connection = await asyncpg.connect(server.url)
        role = await connection.fetchrow("SELECT * FROM pg_roles WHERE rolname = current_user")
        owner = await connection.fetchval(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        )
        rows = await connection.fetch("SELECT name, setting FROM pg_settings")
        settings = {row["name"]: row["setting"] for row in rows}
        await connection.fetch("SELECT query FROM pg_stat_statements")  # preloaded, or it fails
        order = await connection.fetch("SELECT unnest(ARRAY['b', 'ä', 'B', 'a']) AS x ORDER BY x")
        folded = await connection.fetchval("SELECT lower('ÄÖ')")
        await connection.close()
        superuser = await ask(server.superuser_url(), "SELECT current_setting('is_superuser')")

    assert role is not None
    assert (role["rolname"], owner) == ("gateway", "gateway")
    powers = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication")
    assert not any(role[power] for power in powers)
    assert superuser == "on"
    assert settings["fsync"] == "on"
    assert settings["data_checksums"] == "on"
    assert settings["jit"] == "off"
    assert settings["listen_addresses"] == ""
    assert settings["server_encoding"] == "UTF8"
    assert [row["x"] for row in order] == ["B", "a", "b", "ä"]
    assert folded == "äö"


async def test_nobody_enters_without_the_password(state: StateFolder, ask: Ask) -> None:
    with open_postgres(state, settings=TESTING) as server:
        for url in (server.url, server.superuser_url()):
            user, _, rest = url.removeprefix("postgresql://").partition(":")
            with pytest.raises(asyncpg.InvalidPasswordError):
                await ask(f"postgresql://{user}:guess@{rest.partition('@')[2]}", "SELECT 1")


@LINUX
async def test_passwords_are_neither_logged_nor_in_the_list_of_processes(
    state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_SECRET", "of the gateway")
    with (
        open_state(state_folder) as state,
        open_postgres(state, settings=TESTING),
    ):
        shown = ""
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended
                shown += process.read_text()
        handed_over = Path(f"/proc/{server_pid(state.path)}/environ").read_text()

    log = (state.path / "postgres.log").read_text()
    for name in ("postgres.password", "postgres.superuser.password"):
        secret = state.read(name)
        assert secret
        assert secret not in shown + log
        assert (state.path / name).stat().st_mode & 0o777 == 0o600
    assert "of the gateway" not in handed_over
    assert str(state.path) in shown
    assert "ready to accept connections" in log


async def test_the_log_has_no_clients_data(state: StateFolder, ask: Ask) -> None:
    with open_postgres(state, settings=TESTING) as server:
        for wrong in ("SELECT 'confidential'::int", "SELECT confidential"):
            with pytest.raises(asyncpg.PostgresError):
                await ask(server.url, wrong)

    assert "confidential" not in (state.path / "postgres.log").read_text()


def test_the_log_does_not_grow_for_ever(state: StateFolder) -> None:
    log = state.path / "postgres.log"
    log.write_text("old\n" * LOG_BYTES)

    for _ in range(2):
        with open_postgres(state, settings=TESTING):
            pass

    assert log.stat().st_size < LOG_BYTES
    assert log.read_text().count("starting PostgreSQL") == 2
    assert (state.path / "postgres.log.old").read_text().startswith("old")


@LINUX  # elsewhere no process is told of its parent's end
async def test_a_killed_gateway_leaves_no_server_behind(
    any_home: Path, ask: Ask, gateway_process: GatewayProcess
) -> None:
    with gateway_process(any_home) as (process, url):
        await ask(url, KEEP_A_ROW)
        pid = server_pid(any_home)
        assert os.getsid(pid) == pid  # Ctrl-C is for the gateway alone
        process.kill()

    assert ends_within(10, pid)
    assert "database system is shut down" in (any_home / "postgres.log").read_text()
    with gateway_process(any_home) as (process, url):
        assert await ask(url, THE_ROW) == "a row"
        process.communicate()


async def test_after_a_kill_the_next_start_need_not_wait(
    home: Path, ask: Ask, gateway_process: GatewayProcess
) -> None:
    with gateway_process(home) as (process, first):
        await ask(first, KEEP_A_ROW)
        process.kill()

    with gateway_process(home) as (process, second):
        assert await ask(second, THE_ROW) == "a row"
        assert not socket_folder(first).exists()
        process.communicate()


async def test_a_part_of_a_killed_server_that_lives_on_is_waited_for(
    any_state: StateFolder, ask: Ask
) -> None:
    """Two servers at work on the same files would ruin them."""
    with open_postgres(any_state) as server:
        await ask(server.url, KEEP_A_ROW)
        for holder in ("nobody", "another process"):
            connection = await asyncpg.connect(server.url)
            backend = await connection.fetchval("SELECT pg_backend_pid()")
            file, dead = pid_file(any_state.path), server_pid(any_state.path)
            os.kill(backend, signal.SIGSTOP)
            os.kill(dead, signal.SIGKILL)
            assert await server.wait() == -signal.SIGKILL
            if holder == "another process":  # its id was given to us
                file.write_text(file.read_text().replace(str(dead), str(os.getpid()), 1))
            noticed = threading.Event()

            def notice(backend: int = backend, noticed: threading.Event = noticed) -> None:
                noticed.set()
                os.kill(backend, signal.SIGCONT)

            threading.Timer(0.5, notice).start()
            server.start()

            assert noticed.is_set()
            assert await ask(server.url, THE_ROW) == "a row"
            connection.terminate()


async def test_a_stale_pid_file_does_not_keep_the_server_from_starting(
    any_state: StateFolder, ask: Ask
) -> None:
    with open_postgres(any_state) as server, zombie() as uncollected:
        await ask(server.url, KEEP_A_ROW)
        for holder in (None, os.getpid(), uncollected):
            file = pid_file(any_state.path)
            dead = server_pid(any_state.path)
            os.kill(dead, signal.SIGKILL)
            await server.wait()
            file.write_text(file.read_text().replace(str(dead), str(holder or dead), 1))

            server.start()

            assert await ask(server.url, THE_ROW) == "a row"


async def test_an_empty_pid_file_does_not_keep_the_server_from_starting(
    home: Path, ask: Ask
) -> None:
    (data,) = home.glob("pg*")
    for text in ("", "\n", "12x\n"):
        (data / "postmaster.pid").write_text(text)
        with open_state(home) as state, open_postgres(state, settings=TESTING) as server:
            assert await ask(server.url, "SELECT 1") == 1


async def test_a_server_that_outlived_its_gateway_is_stopped_first(
    any_home: Path, ask: Ask
) -> None:
    with open_state(any_home) as state:
        orphan = EmbeddedPostgres(state, settings=TESTING)
        orphan.start()
        await ask(orphan.url, KEEP_A_ROW)
    ended = asyncio.create_task(orphan.wait())
    await asyncio.sleep(0)

    with open_state(any_home) as state, open_postgres(state, settings=TESTING) as server:
        assert await ended == 0
        assert await ask(server.url, THE_ROW) == "a row"


async def test_the_end_of_the_server_is_told_of(state: StateFolder) -> None:
    with open_postgres(state, settings=TESTING) as server:
        ended = asyncio.create_task(server.wait())
        await asyncio.sleep(0)
        assert not ended.done()
        os.kill(server_pid(state.path), signal.SIGQUIT)

        async with asyncio.timeout(10):
            await ended


async def test_who_waits_for_a_server_that_was_never_started_is_told(state: StateFolder) -> None:
    with pytest.raises(RuntimeError, match="not been started"):
        await EmbeddedPostgres(state).wait()


async def test_a_stop_ends_open_transactions(state: StateFolder, ask: Ask) -> None:
    with open_postgres(state, settings=TESTING) as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("BEGIN; CREATE TABLE lost ()")

    with open_postgres(state, settings=TESTING) as server:
        assert await ask(server.url, "SELECT to_regclass('lost')") is None
    connection.terminate()


async def test_a_long_path_is_no_trouble(
    state_folder: Path, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    long = state_folder / ("long" * 30) / "with a space and 'quotes'"
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))

    with open_state(long) as state:
        for _ in range(2):
            with open_postgres(state, settings=TESTING) as server:
                assert await ask(server.url, "SELECT 1") == 1


async def test_a_server_that_refuses_says_why(state: StateFolder, ask: Ask) -> None:
    wrong = {**TESTING, "shared_buffers": "plenty"}

    with pytest.raises(CannotStart, match=r'postgres\.log .*shared_buffers.*"plenty"'):
        EmbeddedPostgres(state, settings=wrong).start()

    assert running_url(state.path) is None
    with open_postgres(state, settings=TESTING) as server:
        assert await ask(server.url, "SELECT 1") == 1


async def test_a_library_that_these_programs_lack_is_not_asked_for(
    state: StateFolder, ask: Ask
) -> None:
    settings = TESTING | {"shared_preload_libraries": "no_such"}
    with open_postgres(state, settings=settings) as server:
        assert await ask(server.superuser_url(), "SHOW shared_preload_libraries") == ""


async def test_data_that_were_half_made_are_made_anew(state_folder: Path, ask: Ask) -> None:
    for major in range(15, 20):
        half = state_folder / f"pg{major}.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text(f"{major}\n")

    with open_state(state_folder) as state, open_postgres(state, settings=TESTING) as server:
        assert await ask(server.url, "SELECT 1") == 1


def test_the_server_is_started_by_the_main_thread_only(state: StateFolder) -> None:
    failures: list[RuntimeError] = []

    def start() -> None:
        try:
            EmbeddedPostgres(state, settings=TESTING).start()
        except RuntimeError as error:
            failures.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert "main" in str(failures[0])


async def test_who_comes_beside_a_gateway_learns_where_its_server_is(home: Path, ask: Ask) -> None:
    assert running_url(home) is None
    with open_state(home) as state:
        with open_postgres(state, settings=TESTING) as server:
            url = running_url(home)
            assert url == server.url
            assert await ask(url, "SELECT current_user") == "gateway"
        with pytest.raises(RuntimeError, match="not running"):
            _ = server.url
    assert running_url(home) is None


async def test_a_second_gateway_is_refused_and_does_no_harm(
    home: Path, ask: Ask, gateway_process: GatewayProcess
) -> None:
    with gateway_process(home) as (first, url):
        with gateway_process(home) as (_, answer):
            assert f"in use by another gateway (process id {first.pid})" in answer
        assert running_url(home) == url
        assert await ask(url, "SELECT 1") == 1
        first.communicate()
    assert first.returncode == 0

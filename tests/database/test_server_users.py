import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from gateway.database.embedded.account import Account, choose_account
from gateway.database.embedded.address import PASSWORDS
from gateway.database.embedded.binaries import Binaries, choose_binaries
from gateway.database.embedded.cluster import make_cluster
from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.state import CannotStart, open_state

Ask = Callable[[str, str], Coroutine[Any, Any, Any]]
GatewayProcess = Callable[..., AbstractContextManager[tuple[subprocess.Popen[str], str]]]

ROOT = Path(__file__).parents[2]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def skip_unless_reachable(programs: Path) -> None:
    """Skip where the programs lie in a folder closed to others, such as root's."""
    account = Account(f"become:{nobody().pw_uid}:{nobody().pw_gid}", nobody())
    command = account.command(programs / "postgres", "--version")
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip(f"{programs} is closed to other users")


def python_for_nobody() -> str:
    """Return an interpreter that another user can run on these sources, or skip."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        command = [python, "-c", "import gateway.database.embedded.server, datetime; datetime.UTC"]
        try:
            user = nobody().pw_uid
            done = subprocess.run(command, cwd=ROOT, user=user, group=user, capture_output=True)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    pytest.skip("no Python 3.11 that other users may run, or the sources are closed to them")


async def test_an_ordinary_user(
    any_binaries: Binaries, state_folder: Path, ask: Ask, gateway_process: GatewayProcess
) -> None:
    other: dict[str, Any] = {}
    if os.geteuid() == 0:
        skip_unless_reachable(any_binaries.folder)
        other = {"python": python_for_nobody(), "user": nobody().pw_uid}
        os.chown(state_folder.parent, nobody().pw_uid, -1)

    for statement in ("CREATE TABLE kept AS SELECT 1 AS one", "SELECT one FROM kept"):
        with gateway_process(state_folder, programs=any_binaries.folder, **other) as (gateway, url):
            answer = await ask(url, statement)
            gateway.communicate()

    assert answer == 1
    assert (state_folder / "postgres.log").stat().st_uid == other.get("user", os.geteuid())


@AS_ROOT
async def test_root_below_a_folder_closed_to_others(
    any_binaries: Binaries, tmp_path: Path, ask: Ask
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    if choose_account(closed / "new").owner is not None:
        pytest.skip("the kernel or the container forbids user namespaces")

    with (
        open_state(closed / "state") as state,
        open_postgres(state, postgres_bin=str(any_binaries.folder), settings=TESTING) as server,
    ):
        assert await ask(server.url, "SELECT 1") == 1
        (data,) = state.path.glob("pg??")
        assert data.stat().st_uid == 0
        assert state.path.stat().st_mode & 0o777 == 0o700


@AS_ROOT
async def test_root_with_data_of_another_user(
    any_binaries: Binaries, any_home: Path, ask: Ask
) -> None:
    skip_unless_reachable(any_binaries.folder)
    (data,) = any_home.glob("pg??")
    for path in (data, *data.rglob("*")):
        os.chown(path, nobody().pw_uid, nobody().pw_gid)

    with open_state(any_home) as state:
        for _ in range(2):
            with open_postgres(state, settings=TESTING) as server:
                assert await ask(server.url, "SELECT 1") == 1
                pid = int((data / "postmaster.pid").read_text().split()[0])
                assert Path(f"/proc/{pid}").stat().st_uid == nobody().pw_uid

    for name in PASSWORDS.values():
        secret = (any_home / name).stat()
        assert (secret.st_uid, secret.st_mode & 0o777) == (0, 0o600)


@AS_ROOT
async def test_root_where_there_are_no_user_namespaces(
    any_binaries: Binaries, state_folder: Path, ask: Ask
) -> None:
    """Data are then made as another user, and those that root had are given to that user."""
    skip_unless_reachable(any_binaries.folder)
    account = Account(f"become:{nobody().pw_uid}:{nobody().pw_gid}", nobody())
    with open_state(state_folder) as state:
        state_folder.chmod(0o711)
        data = state_folder / f"pg{any_binaries.major}"
        passwords = {role: state.secret(file) for role, file in PASSWORDS.items()}
        make_cluster(data, any_binaries, account, passwords=passwords, durable=False)
        for path in (data, *data.rglob("*")):
            assert path.stat().st_uid == nobody().pw_uid
            os.chown(path, 0, 0)

        account.own(data)

        with open_postgres(state, settings=TESTING) as server:
            assert await ask(server.url, "SELECT current_user") == "gateway"


@AS_ROOT
def test_root_with_data_that_their_user_cannot_reach(home: Path, tmp_path: Path) -> None:
    skip_unless_reachable(choose_binaries("", None).folder)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    state_folder = closed / "state"
    shutil.move(home, state_folder)
    (data,) = state_folder.glob("pg??")
    for path in (data, *data.rglob("*")):
        os.chown(path, nobody().pw_uid, nobody().pw_gid)

    with (
        open_state(state_folder) as state,
        pytest.raises(CannotStart) as raised,
        open_postgres(state, settings=TESTING),
    ):
        pass

    assert "runs as nobody" in str(raised.value)
    assert "out of folders closed to others" in str(raised.value)


@AS_ROOT
def test_root_with_data_of_a_user_whom_the_machine_does_not_know(home: Path) -> None:
    (data,) = home.glob("pg??")
    os.chown(data, 54321, 54321)

    with (
        open_state(home) as state,
        pytest.raises(CannotStart, match="belongs to user id 54321"),
        open_postgres(state, settings=TESTING),
    ):
        pass

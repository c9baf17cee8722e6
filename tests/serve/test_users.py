"""An ordinary user can do all of it; where the tests run as root, they become one."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serve.gateways import ROOT, VIEWER, as_user, environment, run, server_pid, serving


@dataclass(frozen=True, slots=True)
class User:
    """Who is no root, and a Python that this user can run; None: who runs the tests."""

    entry: pwd.struct_passwd | None
    python: str
    variables: dict[str, str]

    @property
    def command(self) -> list[str]:
        return [self.python, "-m", "gateway"]

    @property
    def uid(self) -> int:
        return os.geteuid() if self.entry is None else self.entry.pw_uid

    def own(self, folder: Path) -> None:
        if self.entry is not None:
            os.chown(folder, self.entry.pw_uid, self.entry.pw_gid)


@pytest.fixture(scope="module")
def user() -> User:
    if os.geteuid() != 0:
        return User(None, sys.executable, {})
    nobody = pwd.getpwnam("nobody")
    # Root's own Python may lie in a folder closed to others; another of the same version can load
    # the same packages.
    variables = {"PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_path("platlib")])}
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            found = subprocess.run(
                [python, "-c", "import gateway.commands.serve"],
                cwd="/",
                env=environment(variables),
                capture_output=True,
                **as_user(nobody),
            )
        except OSError:
            continue
        if found.returncode == 0:
            return User(nobody, python, variables)
    pytest.skip("no Python that other users may run, or the sources are closed to them")


def test_an_ordinary_user_can_serve(user: User, state_folder: Path) -> None:
    user.own(state_folder.parent)

    with serving(
        state_folder,
        command=user.command,
        user=user.entry,
        variables=user.variables | {"HOME": str(state_folder.parent)},
    ) as gateway:
        assert gateway.execute(VIEWER) == {"viewer": {"namespace": {"namespaceName": "default"}}}
        for pid in (gateway.process.pid, server_pid(state_folder)):
            assert Path(f"/proc/{pid}").stat().st_uid == user.uid
        assert {path.stat().st_uid for path in state_folder.rglob("*")} == {user.uid}
        assert gateway.end() == 0
        assert gateway.complaint == ""


def test_a_state_folder_that_is_closed_to_the_user(user: User, state_folder: Path) -> None:
    state_folder.parent.chmod(0o555)

    ended = run(
        *("serve", "--port", "0", "--state", state_folder),
        command=user.command,
        user=user.entry,
        variables=user.variables,
    )

    assert (ended.status, ended.output) == (1, "")
    assert ended.complaint == (
        f"gateway: the state folder {state_folder} cannot be used (Permission denied);"
        " name another with --state\n"
    )

"""As which user the server runs: PostgreSQL refuses to be root."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gateway.database.embedded import launch
from gateway.database.state import CannotStart

# Nothing of the gateway's environment, which may hold secrets.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Account:
    """A user, as ``launch.py`` is told of it."""

    who: str
    # Whose the files have to be; None: whose they are when the gateway makes them.
    owner: pwd.struct_passwd | None = None

    def command(self, *command: str | Path) -> list[str]:
        """Return the command line that runs ``command`` as this user."""
        python = [sys.executable, "-I", "-S", launch.__file__]
        return [*python, self.who, str(os.getpid()), *map(str, command)]

    def own(self, path: Path) -> None:
        """Give the user a file, or a folder with all that is in it."""
        if self.owner is None or path.stat().st_uid == self.owner.pw_uid:
            return
        for folder, _, files in os.walk(path):
            for each in (folder, *(os.path.join(folder, file) for file in files)):  # noqa: PTH118
                os.chown(each, self.owner.pw_uid, self.owner.pw_gid, follow_symlinks=False)
        os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def advice(self, complaint: str) -> str:
        """Return what to do about the complaint, if it comes of the change of user."""
        if self.owner is None or "permission denied" not in complaint.lower():
            return ""
        return (
            f" (The gateway runs as root, PostgreSQL may not, so it runs as {self.owner.pw_name}"
            " and has to reach the state folder and its programs: keep both, and the Python"
            " environment, out of folders closed to others such as /root; or run the gateway"
            " as an ordinary user.)"
        )


def choose_account(data: Path) -> Account:
    """Return the user for a server on the data folder, which need not be there yet.

    For root there are two: root's own files under another name, in a user namespace, which works
    below folders closed to others too; and, where the kernel or the container forbids that,
    another user. Data stay with the user who has them.
    """
    if os.geteuid() != 0:
        return Account("same")
    uid = data.stat().st_uid if data.exists() else 0
    if uid == 0:
        namespace = Account("namespace:{0.pw_uid}:{0.pw_gid}".format(_first("nobody", "postgres")))
        if _works(namespace):
            return namespace
    owner = _named(uid, data) if uid else _first("postgres", "nobody")
    return Account(f"become:{owner.pw_uid}:{owner.pw_gid}", owner)


def _named(uid: int, data: Path) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError as error:
        raise CannotStart(
            f"{data} belongs to user id {uid}, whom this machine does not know; run the gateway as"
            f" that user, or give the folder to another with `chown -R`"
        ) from error


def _first(*names: str) -> pwd.struct_passwd:
    known = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    for name in (*names, *known):
        if name in known:
            return known[name]
    raise CannotStart("PostgreSQL refuses to run as root, and this machine has no other user")


def _works(account: Account) -> bool:
    answer = subprocess.run(account.command("/bin/true"), capture_output=True, env=ENVIRONMENT)
    return answer.returncode == 0

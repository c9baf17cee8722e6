"""Where to connect: the socket's folder, new at each start, and the passwords of the two roles."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

from gateway.database.embedded.account import Account
from gateway.database.embedded.cluster import PRIVATE_PREFIX, make_private_folder
from gateway.database.state import StateFolder

PASSWORDS = {"gateway": "postgres.password", "postgres": "postgres.superuser.password"}
_SOCKET = "postgres.socket"


def make_socket_folder(state: StateFolder, account: Account) -> Path:
    """Make a folder for the socket, in place of the last one."""
    remove_socket_folder(state)
    folder = make_private_folder(account)
    state.write(_SOCKET, str(folder))
    return folder


def remove_socket_folder(state: StateFolder) -> None:
    """Remove the folder of a server that has ended."""
    folder = Path(state.read(_SOCKET) or "")
    if folder.name.startswith(PRIVATE_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
    (state.path / _SOCKET).unlink(missing_ok=True)


def url_of(state: Path, role: str, database: str) -> str | None:
    """Return the URL for a role and a database, None if no server was started."""
    try:
        folder = (state / _SOCKET).read_text()
        password = (state / PASSWORDS[role]).read_text()
    except FileNotFoundError:
        return None
    return f"postgresql://{role}:{password}@/{database}?host={quote(folder)}"


def running_url(state: str | Path) -> str | None:
    """Return the URL of the server of the gateway that has the state folder; None: it has none.

    For commands that a person runs beside a gateway that serves (``StateInUse``).
    """
    return url_of(Path(state).expanduser().resolve(), "gateway", "gateway")

"""What a killed gateway or server left behind; only who has the state folder may use this."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from gateway.database.state import CannotStart

_FAREWELL_S = 60.0
# Larger than any system gives.
_NO_PROCESS = 2**31 - 1


def clear_leftovers(data: Path) -> None:
    """Make the data folder ready for a new server.

    A server that outlived its gateway is stopped. Where the process id of a dead one was given to
    another process, or its process was never collected, PostgreSQL would take it for alive; the
    id is then replaced by one that no process has. The file stays, for its other lines let
    PostgreSQL itself refuse while a part of the dead server is still at work on the data.

    Raises:
        CannotStart: a server on this folder does not stop.
    """
    pid_file = data / "postmaster.pid"
    try:
        first, *others = pid_file.read_text().splitlines()
        pid = abs(int(first))
    except FileNotFoundError:
        return
    except ValueError:
        pid_file.unlink()  # empty: the machine stopped while it was written
        return
    if _serves(pid, data):
        _stop(pid, data)
    elif _exists(pid):
        pid_file.write_text("\n".join([str(_NO_PROCESS), *others, ""]))


def _stop(pid: int, data: Path) -> None:
    """End the server; on Linux it is about to end by itself, for its gateway is dead."""
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + _FAREWELL_S
    while _serves(pid, data):
        if time.monotonic() > deadline:
            raise CannotStart(
                f"a PostgreSQL server of a gateway that is gone (process id {pid}) is still at"
                f" work on {data} and does not stop; end it with `kill -QUIT {pid}`"
            )
        time.sleep(0.02)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _serves(pid: int, data: Path) -> bool:
    """Tell whether the process is a PostgreSQL server on the data folder."""
    if not _exists(pid):
        return False
    arguments = _arguments(pid)
    # A zombie has no arguments.
    return (
        bool(arguments)
        and Path(os.fsdecode(arguments[0])).name == "postgres"
        and os.fsencode(data) in arguments
    )


def _arguments(pid: int) -> list[bytes]:
    process = Path(f"/proc/{pid}/cmdline")
    try:
        if Path("/proc/self").exists():
            return process.read_bytes().split(b"\0")
        return subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)],  # noqa: S607
            capture_output=True,
        ).stdout.split()
    except (FileNotFoundError, ProcessLookupError):
        return []

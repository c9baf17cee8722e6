"""Becomes a command of the server's: under another user than root, ending when the gateway ends.

    python launch.py WHO PARENT COMMAND...

WHO is ``same``, ``namespace:UID:GID`` (keep root's files, be called UID) or ``become:UID:GID``;
PARENT is the gateway's process id. A script of its own, on the standard library alone: between
fork and exec a process that has threads must not run Python. Where it fails, its exit status is
127 and standard error has the reason.
"""

from __future__ import annotations

import os
import signal
import sys
from ctypes import CDLL, get_errno
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


def main(who: str, parent: str, *command: str) -> None:
    """Take the user's place, ask to be told of the parent's end, and become the command."""
    kind, *numbers = who.split(":")
    if kind == "namespace":
        _enter_namespace(*numbers)
    elif kind == "become":
        uid, gid = map(int, numbers)
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if sys.platform == "linux":
        # After the change of user, which would clear it. SIGINT is PostgreSQL's fast shutdown.
        CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != int(parent):
        sys.exit(127)  # the gateway ended before it could be asked for a signal
    try:
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        sys.exit(_failed(command[0], error))


def _enter_namespace(uid: str, gid: str) -> None:
    """Be ``uid`` in a user namespace of our own; outside of it, and for files, still root."""
    user, group = os.geteuid(), os.getegid()
    if CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
        sys.exit(_failed("unshare", OSError(get_errno(), os.strerror(get_errno()))))
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {group} 1")
    except OSError as error:
        sys.exit(_failed("user namespace", error))


def _failed(what: str, error: OSError) -> int:
    sys.stderr.write(f"{what}: {error.strerror}\n")
    return 127


if __name__ == "__main__":
    main(*sys.argv[1:])

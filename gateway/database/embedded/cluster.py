"""A new data folder: PostgreSQL's own tables, the gateway's role and its empty database."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gateway.database.embedded.account import ENVIRONMENT, Account
from gateway.database.embedded.binaries import Binaries
from gateway.database.embedded.options import STATEMENT_STATISTICS
from gateway.database.state import CannotStart

PRIVATE_PREFIX = "gateway-pg-"


def make_private_folder(account: Account) -> Path:
    """Make a folder that only the server's user, and root, can enter; its path is short.

    A socket's path has at most 103 characters on some systems, and PostgreSQL adds 15 of its own,
    so a long TMPDIR is passed over.
    """
    long = len(tempfile.gettempdir()) > 60
    path = Path(tempfile.mkdtemp(prefix=PRIVATE_PREFIX, dir="/tmp" if long else None))  # noqa: S108
    account.own(path)
    return path


def make_cluster(
    data: Path,
    binaries: Binaries,
    account: Account,
    *,
    passwords: Mapping[str, str],
    durable: bool,
) -> None:
    """Make the data folder, with a role and a database, both called gateway.

    It is made under another name and renamed when complete, so there is never half of one. The
    role is an ordinary one: row level security binds it.

    Args:
        passwords: For the roles postgres and gateway; of letters, digits, - and _.
        durable: Whether all is on disk at the end, whatever happens then.

    Raises:
        CannotStart: PostgreSQL's own words, and what to do about them where that is known.
    """
    new = data.with_name(f"{data.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    account.own(new)
    with _lent(passwords["postgres"], account) as file:
        _run(account, [*_initdb(binaries, durable), f"--pwfile={file}", "-D", new])
    script = [
        f"CREATE ROLE gateway LOGIN PASSWORD '{passwords['gateway']}';",
        "CREATE DATABASE gateway OWNER gateway;",
    ]
    if binaries.has_library(STATEMENT_STATISTICS):
        # Takes a superuser; in the template, so that all later databases have it.
        script.insert(0, f"CREATE EXTENSION {STATEMENT_STATISTICS};")
    _run(account, _single_user(binaries, new, durable), "\n".join(script))
    new.rename(data)


@contextmanager
def _lent(text: str, account: Account) -> Iterator[Path]:
    """Put the text into a file that the server's user can read, for as long as the block lasts."""
    folder = make_private_folder(account)
    try:
        file = folder / "text"
        file.write_text(text)
        account.own(file)
        yield file
    finally:
        shutil.rmtree(folder)


def _initdb(binaries: Binaries, durable: bool) -> list[str | Path]:
    # The same order of text on every machine, whatever locales it has.
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [
        binaries.initdb,
        "--username=postgres",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        *(builtin if binaries.major >= 17 else []),
        "--data-checksums",
        "--no-instructions",
        *([] if durable else ["--no-sync"]),
    ]


def _single_user(binaries: Binaries, data: Path, durable: bool) -> list[str | Path]:
    # Reads statements, one a line, from standard input: no password is ever in a list of processes.
    command: list[str | Path] = [binaries.postgres, "--single", "-D", data]
    for setting in (
        f"fsync={'on' if durable else 'off'}",
        "exit_on_error=on",
        "log_min_error_statement=panic",  # a statement with a password is not to be repeated
    ):
        command += ["-c", setting]
    return [*command, "template1"]


def _run(account: Account, command: list[str | Path], script: str = "") -> None:
    done = subprocess.run(
        account.command(*command),
        input=script,
        capture_output=True,
        text=True,
        cwd="/",
        env=ENVIRONMENT,
        start_new_session=True,
    )
    if done.returncode != 0:
        complaint = done.stderr.strip()
        raise CannotStart(
            f"PostgreSQL cannot make its data folder: {complaint}{account.advice(complaint)}"
        )

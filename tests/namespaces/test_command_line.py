from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import gateway
from gateway.cli import main
from gateway.database import migrate
from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.pool import Database
from gateway.database.state import open_state
from gateway.enums import Permission
from gateway.errors import Unauthenticated
from gateway.namespaces.authentication import Authenticator


class Ended(NamedTuple):
    status: Any
    output: str
    complaint: str


class CommandLine:
    """Runs commands, against the database of GATEWAY_DATABASE_URL if there is one."""

    async def run(self, *arguments: str) -> Ended:
        return await asyncio.to_thread(_run, arguments)

    async def run_json(self, *arguments: str) -> Any:
        ended = await self.run(*arguments, "--json")
        assert (ended.status, ended.complaint) == (0, "")
        return json.loads(ended.output)


def _run(arguments: tuple[str, ...]) -> Ended:
    output, complaint = StringIO(), StringIO()
    with (
        redirect_stdout(output),
        redirect_stderr(complaint),
        pytest.raises(SystemExit) as ended,
    ):
        main(list(arguments))
    return Ended(ended.value.code, output.getvalue(), complaint.getvalue())


async def run_process(*arguments: str) -> Ended:
    """Run a command in a process of its own, as it needs to start a server."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *arguments),
        cwd=Path(gateway.__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaint = await process.communicate()
    return Ended(process.returncode, output.decode(), complaint.decode())


@pytest.fixture
def shell() -> CommandLine:
    return CommandLine()


@pytest.fixture
def outside(shell: CommandLine, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", postgres_url)
    return shell


async def test_a_key_from_the_command_line_works_until_it_is_revoked(
    outside: CommandLine, database: Database
) -> None:
    space = await outside.run_json("namespaces", "create", "team", "--description", "Us")
    made = await outside.run_json(
        *("keys", "create", "Laptop", "--permission", "read", "--permission", "WRITE"),
        *("--namespace", "team", "--expires", "30d"),
    )

    authenticator = Authenticator(database)
    bearer = f"Bearer {made['secret']}"
    caller = await authenticator.authenticate(bearer, "team")
    await authenticator.close()
    assert caller.key_id == made["key_id"]
    assert caller.permissions == {Permission.READ, Permission.WRITE}
    assert caller.namespaces == frozenset([space["namespace_id"]])

    (listed,) = await outside.run_json("keys", "list")
    expires_at = datetime.fromisoformat(listed.pop("expires_at"))
    assert abs(expires_at - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)
    assert {name: listed[name] for name in ("key_id", "name", "key_prefix", "status")} == {
        "key_id": made["key_id"],
        "name": "Laptop",
        "key_prefix": made["secret"][:10],
        "status": "ACTIVE",
    }

    revoked = await outside.run_json("keys", "revoke", made["key_id"])
    assert revoked == {"key_id": made["key_id"], "status": "REVOKED"}
    with pytest.raises(Unauthenticated):
        await Authenticator(database).authenticate(bearer, "team")


async def test_tables_are_aligned_and_secrets_are_shown_once(outside: CommandLine) -> None:
    empty = await outside.run("keys", "list")
    await outside.run("namespaces", "create", "team")
    await outside.run("namespaces", "create", "a-much-longer-name")
    made = await outside.run("keys", "create", "k", "--permission", "admin")
    keys = await outside.run("keys", "list")
    namespaces = await outside.run("namespaces", "list")

    assert empty.output == "There is no API key.\n"
    key, secret, hint = made.output.splitlines()
    assert key.startswith("Key     key_")
    assert secret.startswith("Secret  sk_")
    assert "shown this once" in hint
    assert secret.split()[1] not in keys.output
    assert secret.split()[1][:10] in keys.output
    for table, prefix in ((keys.output, "key_"), (namespaces.output, "ns_")):
        heading, *lines = table.splitlines()
        assert lines
        assert {line.index(prefix) for line in lines} == {heading.index("ID")}
    assert "all" in keys.output


async def test_rotating_prints_another_secret(outside: CommandLine, database: Database) -> None:
    await outside.run("namespaces", "create", "team")
    made = await outside.run_json("keys", "create", "k", "--permission", "read")

    rotated = await outside.run_json("keys", "rotate", made["key_id"])

    authenticator = Authenticator(database)
    caller = await authenticator.authenticate(f"Bearer {rotated['secret']}", "team")
    await authenticator.close()
    assert caller.key_id == made["key_id"]
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {made['secret']}", "team")


async def test_says_in_one_line_what_is_wrong(
    outside: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outside.run("namespaces", "create", "team")

    refused = [
        await outside.run(*arguments)
        for arguments in (
            ("namespaces", "create", "team"),
            ("namespaces", "create", "my team"),
            ("keys", "create", "k", "--permission", "read", "--namespace", "x", "--namespace", "y"),
            ("keys", "create", "k", "--permission", "read", "--expires", "2001-01-01"),
            ("keys", "revoke", "key_unknown"),
            ("keys", "list", "--state", "/nowhere"),
        )
    ]
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    unreachable = await outside.run("keys", "list")

    assert [ended.complaint for ended in refused[:5]] == [
        "Error: a namespace is called 'team' already\n",
        "Error: namespaceName has ' ' in it; the letters a-z and A-Z, digits, -, _ and . are what"
        " it may have\n",
        "Error: no namespace within reach has the name or the id 'x';"
        " no namespace within reach has the name or the id 'y'\n",
        "Error: expiresAt is 2001-01-01T00:00:00+00:00; it has to be in the future\n",
        "Error: no API key has the id 'key_unknown'\n",
    ]
    assert {(ended.status, ended.output) for ended in refused[:5]} == {(1, "")}
    assert refused[5].status == 0  # with GATEWAY_DATABASE_URL no state folder is looked at
    assert unreachable.status == 1
    assert unreachable.complaint.startswith("gateway: cannot connect to the database")
    assert unreachable.complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("keys", "create", "k"), "Missing option '--permission'"),
        (("keys", "create", "k", "--permission", "all"), "'all' is not one of"),
        (("keys", "create", "k", "--permission", "read", "--expires", "soon"), "a span like 12h"),
        (("keys", "create", "k", "--permission", "read", "--expires", "999999w"), "a span like"),
        (("keys", "revoke"), "Missing argument 'ID'"),
        (("namespaces", "create"), "Missing argument 'NAME'"),
    ],
)
async def test_explains_its_usage(
    shell: CommandLine, arguments: tuple[str, ...], told: str
) -> None:
    ended = await shell.run(*arguments)

    assert ended.status == 2
    assert told in ended.complaint


@pytest.fixture
def folder() -> Iterator[str]:
    # Not in the folder of pytest: it is closed to the user that root may have to take.
    with tempfile.TemporaryDirectory(prefix="gateway-tests-") as path:
        yield path


async def test_works_beside_a_gateway_that_has_the_folder_and_after_it(
    shell: CommandLine, folder: str
) -> None:
    programs = os.environ.get("GATEWAY_POSTGRES_BIN", "")
    with (
        open_state(folder) as state,
        open_postgres(state, postgres_bin=programs, settings=TESTING) as server,
    ):
        early = await shell.run("namespaces", "create", "early", "--state", folder)
        await migrate.up(server.url)
        await shell.run("namespaces", "create", "beside", "--state", folder)
    after = await run_process("namespaces", "list", "--json", "--state", folder)

    assert early.status == 1
    assert "are older than this gateway" in early.complaint
    assert [space["namespace_name"] for space in json.loads(after.output)] == ["beside"]


async def test_makes_the_tables_of_a_folder_that_has_none(folder: str) -> None:
    ended = await run_process("keys", "list", "--state", folder)

    assert ended == Ended(0, "There is no API key.\n", "")


async def test_makes_no_folder_that_was_not_there(shell: CommandLine, tmp_path: Path) -> None:
    ended = await shell.run("keys", "list", "--state", str(tmp_path / "mistyped"))

    assert ended.status == 1
    assert ended.complaint.startswith(f"gateway: there is no state folder {tmp_path}")
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_whose_gateway_has_no_server_is_not_touched(
    shell: CommandLine, tmp_path: Path
) -> None:
    with open_state(tmp_path):
        ended = await shell.run("keys", "list", "--state", str(tmp_path))

    assert ended.status == 1
    assert "is in use by another gateway" in ended.complaint

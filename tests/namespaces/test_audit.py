"""The audit log: what it has, who reads it, and that nobody changes it."""

from __future__ import annotations

import getpass
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from gateway.database.pool import Database
from gateway.enums import Permission
from gateway.limits import Limits
from gateway.namespaces import audit, keys
from gateway.namespaces.audit import Actor
from gateway.namespaces.first_key import ensure_default
from gateway.settings import Settings
from tests.http.conftest import Serving
from tests.http.conftest import serving as serving  # the fixture
from tests.namespaces.conftest import OPERATOR, Gateway, Operator
from tests.namespaces.test_command_line import CommandLine
from tests.namespaces.test_command_line import outside as outside
from tests.namespaces.test_command_line import shell as shell

CREATE_KEY = """
    mutation ($input: CreateApiKeyInput!) {
      createApiKey(input: $input) { apiKey { id } secret errors { code } }
    }
"""
CREATE_NAMESPACE = """
    mutation ($name: String!) {
      createNamespace(input: {namespaceName: $name}) { namespace { id } errors { code } }
    }
"""
ROTATE = "mutation ($id: ID!) { rotateApiKey(id: $id) { secret errors { code } } }"
REVOKE = "mutation ($id: ID!) { revokeApiKey(id: $id) { errors { code } } }"


async def logged(database: Database, since: datetime | None = None) -> list[dict[str, Any]]:
    async with database.transaction() as tx:
        return [dict(row) for row in await audit.list_changes(tx, since=since)]


def summary(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["action"], row["subject_id"], row["by_key_id"], row["details"]


async def test_every_change_is_written_down_with_who_made_it(
    gateway: Gateway, operator: Operator, database: Database
) -> None:
    admin = await operator.key(Permission.ADMIN)
    begun = len(await logged(database))
    values = {"name": "Laptop", "permissions": ["READ"], "namespaces": ["home"]}

    made = (await gateway.execute(CREATE_KEY, key=admin, input=values))["createApiKey"]
    key_id = made["apiKey"]["id"]
    await gateway.execute(ROTATE, key=admin, id=key_id)
    await gateway.execute(REVOKE, key=admin, id=key_id)
    space = await gateway.execute(CREATE_NAMESPACE, key=admin, name="team")

    rows = (await logged(database))[begun:]
    assert [summary(row) for row in rows] == [
        (
            "KEY_CREATED",
            key_id,
            admin.key_id,
            {
                "name": "Laptop",
                "permissions": ["READ"],
                "namespaces": [operator.home],
                "expires_at": None,
            },
        ),
        ("KEY_ROTATED", key_id, admin.key_id, {}),
        ("KEY_REVOKED", key_id, admin.key_id, {}),
        (
            "NAMESPACE_CREATED",
            space["createNamespace"]["namespace"]["id"],
            admin.key_id,
            {"name": "team"},
        ),
    ]
    assert all(abs(row["happened_at"] - datetime.now(UTC)) < timedelta(minutes=5) for row in rows)


async def test_what_is_refused_is_not_written_down(
    gateway: Gateway, operator: Operator, database: Database
) -> None:
    admin = await operator.key(Permission.ADMIN)
    before = await logged(database)

    await gateway.execute(CREATE_NAMESPACE, key=admin, name="home")
    await gateway.execute(CREATE_KEY, key=admin, input={"name": "", "permissions": ["READ"]})
    await gateway.execute(REVOKE, key=admin, id="key_nonsense")

    assert await logged(database) == before


async def test_no_key_is_made_that_is_not_written_down(database: Database) -> None:
    async def make() -> None:
        async with database.transaction() as tx:
            await keys.create_key(
                tx,
                by=Actor(None, None, "nowhere"),  # the table refuses it
                limits=Limits(),
                reach=None,
                name="a key",
                permissions=[Permission.READ],
                namespaces=None,
                expires_at=None,
            )

    with pytest.raises(asyncpg.CheckViolationError):
        await make()

    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM api_keys") == 0


async def test_secrets_and_their_beginnings_are_not_in_it(
    gateway: Gateway, operator: Operator, database: Database
) -> None:
    admin = await operator.key(Permission.ADMIN)
    values = {"name": "a", "permissions": ["READ"]}
    made = (await gateway.execute(CREATE_KEY, key=admin, input=values))["createApiKey"]
    turned = await gateway.execute(ROTATE, key=admin, id=made["apiKey"]["id"])

    text = str(await logged(database))

    for secret in (admin.secret, made["secret"], turned["rotateApiKey"]["secret"]):
        assert secret[:10] not in text


async def test_the_first_start_is_written_down_once(database: Database, tmp_path: Path) -> None:
    await ensure_default(database, tmp_path / "dev-key")
    await ensure_default(database, tmp_path / "dev-key")

    rows = await logged(database)

    assert [(row["action"], row["by_user"], row["origin"]) for row in rows] == [
        ("NAMESPACE_CREATED", getpass.getuser(), socket.gethostname()),
        ("KEY_CREATED", getpass.getuser(), socket.gethostname()),
    ]


async def test_it_has_the_address_of_the_client(serving: Serving, database: Database) -> None:
    async with serving(Settings(trusted_proxies="127.0.0.0/8")) as served:
        status, _ = await served.post(
            {"query": CREATE_NAMESPACE, "variables": {"name": "team"}},
            headers={"X-Forwarded-For": "198.51.100.7"},
        )

    assert status == 200
    assert (await logged(database))[-1]["origin"] == "198.51.100.7"


async def test_a_request_of_a_namespace_sees_nothing_of_it(
    database: Database, operator: Operator
) -> None:
    assert await logged(database)

    async with database.transaction(operator.home) as tx:
        seen = await audit.list_changes(tx, since=None)
        await audit.record(tx, OPERATOR, audit.Action.KEY_ROTATED, "key_x")

    assert seen == []
    assert (await logged(database))[-1]["subject_id"] == "key_x"


@pytest.mark.parametrize("namespace", [None, "home"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET origin = 'elsewhere'", "DELETE FROM audit_log", "TRUNCATE audit_log"],
)
async def test_it_is_only_ever_added_to(
    database: Database, operator: Operator, statement: str, namespace: str | None
) -> None:
    async with database.connection() as connection:
        if namespace:
            await connection.execute(f"SET app.namespace_id = '{operator.home}'")
        try:
            with pytest.raises(asyncpg.RaiseError, match="only ever added to"):
                await connection.execute(statement)
        finally:
            await connection.execute("RESET app.namespace_id")

    assert await logged(database)


# gateway audit


async def test_the_command_line_writes_it_and_reads_it(outside: CommandLine) -> None:
    space = await outside.run_json("namespaces", "create", "team")
    made = await outside.run_json("keys", "create", "Laptop", "--permission", "read")
    await outside.run_json("keys", "rotate", made["key_id"])
    await outside.run_json("keys", "revoke", made["key_id"])

    ended = await outside.run("audit")

    heading, *lines = ended.output.splitlines()
    assert heading.split() == ["WHEN", "WHAT", "WHICH", "BY", "FROM", "DETAILS"]
    assert [line.split("Z  ")[1].split("  ")[0] for line in lines] == [
        "namespace created",
        "key created",
        "key rotated",
        "key revoked",
    ]
    assert space["namespace_id"] in lines[0]
    for line in lines:
        assert f"{getpass.getuser()}  {socket.gethostname()}" in line
    assert all(made["key_id"] in line for line in lines[1:])
    assert made["secret"][:10] not in ended.output


async def test_machines_get_a_line_of_json_each(outside: CommandLine) -> None:
    await outside.run_json("namespaces", "create", "a")
    await outside.run_json("namespaces", "create", "b")

    ended = await outside.run("audit", "--json")

    rows = [orjson.loads(line) for line in ended.output.splitlines()]
    assert [row["details"] for row in rows] == [{"name": "a"}, {"name": "b"}]
    assert rows[0].keys() == {
        *("id", "happened_at", "action", "subject_id", "by_key_id", "by_user", "origin", "details")
    }


@pytest.mark.parametrize(("since", "count"), [("1h", 1), ("2020-01-31", 1), ("2999-01-31", 0)])
async def test_old_changes_can_be_left_out(outside: CommandLine, since: str, count: int) -> None:
    await outside.run_json("namespaces", "create", "a")

    ended = await outside.run("audit", "--json", "--since", since)

    assert len(ended.output.splitlines()) == count


async def test_says_that_nothing_was_changed(outside: CommandLine) -> None:
    assert (await outside.run("audit")).output == "Nothing was changed.\n"


async def test_refuses_what_is_no_moment(outside: CommandLine) -> None:
    ended = await outside.run("audit", "--since", "yesterday")

    assert ended.status == 2
    assert "'yesterday' is neither a span like 12h or 30d nor a date" in ended.complaint

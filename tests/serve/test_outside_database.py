"""A gateway on a database that others run: it migrates nothing, makes no key, outlives outages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.database import migrate, revisions
from gateway.database.embedded.address import running_url
from tests.conftest import lent_folder
from tests.serve.gateways import LINUX, VIEWER, Gateway, processes_of, run, serving, until
from tests.serve.silence import Elsewhere, elsewhere


@dataclass(frozen=True, slots=True)
class Outside:
    """A gateway, its database, and a key that was made for it."""

    gateway: Gateway
    database: Elsewhere
    key: str

    def ask(self) -> tuple[int, Any]:
        answer = self.gateway.post(VIEWER, key=self.key, namespace="production")
        return answer.status, answer.json

    def readiness(self) -> tuple[int, dict[str, str]]:
        answer = self.gateway.get("/readyz")
        return answer.status, answer.json


ANSWER = (200, {"data": {"viewer": {"namespace": {"namespaceName": "production"}}}})
OUTAGE = (
    503,
    {
        "errors": [
            {
                "message": "the database gives no connection; try again",
                "extensions": {"code": "UNAVAILABLE"},
            }
        ]
    },
)
READY = (200, {"status": "ok", "database": "ok", "blobs": "ok", "migrations": "ok"})


@pytest.fixture(scope="module")
def database() -> Iterator[Elsewhere]:
    with lent_folder() as folder, elsewhere(folder) as database:
        yield database


def prepared(variables: Mapping[str, str]) -> str:
    """Prepare a database with a namespace; return a key that may read there."""
    assert run("migrate", variables=variables).status == 0
    assert run("namespaces", "create", "production", variables=variables).status == 0
    permission = ("--permission", "read")
    made = run("keys", "create", "frontend", *permission, "--json", variables=variables)
    assert (made.status, made.complaint) == (0, "")
    secret: str = json.loads(made.output)["secret"]
    return secret


@pytest.fixture(scope="module")
def outside(database: Elsewhere) -> Iterator[Outside]:
    """Everything is made as the command line makes it."""
    variables = {"GATEWAY_DATABASE_URL": database.url}
    key = prepared(variables)
    with (
        lent_folder() as folder,
        serving(folder / "state", variables=variables) as gateway,
    ):
        yield Outside(gateway, database, key)


@pytest.fixture
def ready(outside: Outside) -> Iterator[Outside]:
    """The same, which the test leaves ready again."""
    assert outside.readiness() == READY
    yield outside
    assert outside.readiness() == READY


async def test_old_tables_are_told_and_migrate_mends_them(
    migrated_database_url: str, state_folder: Path
) -> None:
    await migrate.down(migrated_database_url, "-1")
    variables = {"GATEWAY_DATABASE_URL": migrated_database_url}

    refused = run("serve", "--port", "0", "--state", state_folder, variables=variables)
    mended = run("migrate", variables=variables)

    assert refused.status == 1
    assert refused.complaint == (
        "gateway: the tables of GATEWAY_DATABASE_URL are older than this gateway;"
        " run `gateway migrate`\n"
    )
    assert (mended.status, mended.complaint) == (0, "")
    assert mended.output == f"The database is at revision {revisions.head()}.\n"
    assert not await revisions.pending(migrated_database_url)


@LINUX
def test_makes_no_key_and_no_database(outside: Outside) -> None:
    gateway = outside.gateway

    assert (gateway.ready["api_key"], gateway.ready["namespace"]) == (None, None)
    assert gateway.output == (
        f"GraphiQL  {gateway.ready['graphql']}\nAPI key   make one with `gateway keys create`\n"
    )
    assert not (gateway.state / "dev-key").exists()
    assert running_url(gateway.state) is None
    assert len(processes_of(gateway.state)) == 1


def test_answers_a_key_of_the_command_line_and_no_other(outside: Outside) -> None:
    assert outside.ask() == ANSWER
    assert outside.gateway.post(VIEWER, key="sk_wrong", namespace="production").status == 401
    assert outside.gateway.post(VIEWER, key=outside.key, namespace="nowhere").status == 400


def test_an_outage_is_told_and_passes(ready: Outside) -> None:
    ready.database.stop()

    status, parts = ready.readiness()
    assert (status, parts["status"], parts["blobs"]) == (503, "unavailable", "ok")
    assert parts["database"] == "the database gives no connection; try again"
    assert parts["migrations"] != "ok"
    assert ready.gateway.get("/healthz").status == 200
    assert ready.ask() == OUTAGE

    ready.database.start()

    until(lambda: ready.readiness() == READY, "the gateway has its database again")
    assert ready.ask() == ANSWER
    assert "Traceback" not in ready.gateway.complaint


async def test_tables_that_were_taken_back_are_told(ready: Outside) -> None:
    await migrate.down(ready.database.url, "-1")

    status, parts = ready.readiness()
    await migrate.up(ready.database.url)

    assert (status, parts) == (
        503,
        READY[1]
        | {
            "status": "unavailable",
            "migrations": "the database lacks migrations; run `gateway migrate`",
        },
    )


async def test_goes_on_after_a_newer_gateway_has_migrated(ready: Outside) -> None:
    """In a roll-out, until the newer one has come up."""
    connection = await asyncpg.connect(ready.database.url)
    await connection.execute("UPDATE alembic_version SET version_num = '99991231_2359'")

    readiness = ready.readiness()
    await connection.execute("UPDATE alembic_version SET version_num = $1", revisions.head())
    await connection.close()

    assert readiness == READY


def test_a_lost_blob_store_is_told(ready: Outside) -> None:
    blobs = ready.gateway.state / "blobs"
    away = blobs.rename(blobs.with_name("away"))

    status, parts = ready.readiness()
    away.rename(blobs)

    # What needs no bytes is answered all the same.
    assert (status, parts) == (
        200,
        READY[1] | {"status": "degraded", "blobs": "the blob store gives no answer; try again"},
    )

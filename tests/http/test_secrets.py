"""Secrets: where they are not to be found, whoever looks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.database.pool import Database
from gateway.namespaces.authentication import Authenticator
from gateway.namespaces.key_secrets import digest, new_secret
from gateway.settings import Settings

from .conftest import Served

VIEWER = {"query": "{ viewer { apiKey { id } } }"}
PASSWORD = "hunter2"  # noqa: S105


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer {}",
        "bearer  {}",
        "Bearer {}x",
        "Bearer sk_{}",
        "{}",
        "Basic {}",
        "Bearer {} {}",
        "Bearer {},",
        "Token token={}",
    ],
)
async def test_a_wrong_key_is_never_told_back_nor_logged(
    served: Served, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = new_secret()
    headers = {"Authorization": shown.replace("{}", secret)}

    status, answer = await served.post(VIEWER, headers=headers)
    as_namespace = await served.post(VIEWER, headers={"X-Namespace": secret})
    async with served.session.ws_connect(
        f"{served.url}/graphql", protocols=["graphql-transport-ws"]
    ) as socket:
        await socket.send_json({"type": "connection_init", "payload": headers})
        farewell = await socket.receive()

    assert status == 401
    assert as_namespace[1]["errors"][0]["extensions"]["code"] == "NAMESPACE_REQUIRED"
    for told in (answer, as_namespace, farewell, caplog.text):
        assert secret[3:] not in str(told)


async def test_a_fault_shows_no_key_in_the_log(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def broken(*_: object) -> None:
        raise ValueError("something is broken")

    monkeypatch.setattr("gateway.planner.reader.Reader.read", broken)
    _, answer = await served.post(VIEWER)

    assert "something is broken" in caplog.text
    assert "broken" not in str(answer)
    assert served.secret[3:] not in caplog.text


class Watching:
    """A database that notes what it is asked with."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.arguments: list[Any] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._database.connection() as connection:
            watching = self

            class Connection:
                async def fetchrow(self, sql: str, *arguments: Any) -> Any:
                    watching.arguments += arguments
                    return await connection.fetchrow(sql, *arguments)

            yield Connection()


async def test_a_key_is_found_by_its_digest_alone(database: Database) -> None:
    """So nothing compares secrets, and no time tells how much of one was right."""
    watching: Any = Watching(database)
    secret = new_secret()

    with pytest.raises(Exception, match="unknown, or was revoked"):
        await Authenticator(watching).authenticate(f"Bearer {secret}", "home")

    assert watching.arguments.count(digest(secret)) == 1
    assert secret[:10] not in str(watching.arguments)


def test_settings_are_shown_without_passwords() -> None:
    settings = Settings(
        database_url=f"postgresql://gateway:{PASSWORD}@db/gateway",
        s3_bucket="assets",
        s3_access_key="name",
        s3_secret_key=PASSWORD,
    )

    assert "assets" in repr(settings)
    assert PASSWORD not in repr(settings)


CREATE_BUCKET = """
    mutation ($schema: JSON!) {
      createBucket(input: {bucketName: "b", bucketSchema: $schema}) { bucket { id } }
    }
"""
CREATE_OBJECT = """
    mutation ($input: CreateObjectInput!) {
      createObject(input: $input) { object { blobs { presignedUrl } } errors { message } }
    }
"""
FILES = {"properties": {"file": {"type": "binary"}}}
SCRIPT = "data:{};base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="


@pytest.mark.parametrize("mime_type", ["text/html", "image/svg+xml", "application/xhtml+xml"])
async def test_a_page_that_somebody_uploads_runs_nowhere(served: Served, mime_type: str) -> None:
    _, made = await served.post({"query": CREATE_BUCKET, "variables": {"schema": FILES}})
    blob = {"property": "file", "type": "binary", "data": SCRIPT.format(mime_type)}
    given = {"bucketId": made["data"]["createBucket"]["bucket"]["id"], "blobs": [blob]}
    _, made = await served.post({"query": CREATE_OBJECT, "variables": {"input": given}})
    (blob,) = made["data"]["createObject"]["object"]["blobs"]

    link = blob["presignedUrl"].replace("http://gateway", served.url)
    async with served.session.get(link) as answer:
        body = await answer.text()

    assert body == "<script>alert(1)</script>"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Referrer-Policy"] == "no-referrer"

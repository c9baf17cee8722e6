"""A client of the schema, without HTTP: real database, real blob store, real housekeeper."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from graphql import GraphQLError
from sqlalchemy import bindparam, insert, select

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.caller import Caller
from gateway.context import Context
from gateway.database.base import Row
from gateway.database.ids import new_id
from gateway.database.pool import Database
from gateway.enums import Permission
from gateway.events.cursors import EventCursors
from gateway.events.tables import EventRow
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.housekeeping import Housekeeper
from gateway.http.strict_json import encode
from gateway.limits import Limits
from gateway.namespaces.authentication import Authenticator
from gateway.namespaces.tables import NamespaceRow
from gateway.objects.tables import ContentRow
from gateway.planner.reader import Reader
from gateway.schema import GatewaySchema, make_schema

_ADD_NAMESPACE = insert(NamespaceRow).values(
    id=bindparam("id"), namespace_name=bindparam("namespace_name")
)
_TABLES = {
    table.name: select(table).where(table.c.namespace_id == bindparam("namespace_id"))
    for table in Row.metadata.sorted_tables
    # The log tells of what is in the others, some time after it got there.
    if "namespace_id" in table.c and table is not EventRow.__table__
}
_KEY = select(ContentRow.key).where(
    ContentRow.namespace_id == bindparam("namespace_id"),
    ContentRow.hash == bindparam("content_hash"),
)
_COUNT_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


_CURSORS = EventCursors()


@cache
def _schema() -> GatewaySchema:
    return make_schema(cursors=_CURSORS)


async def _nowhere(_: str) -> list[str]:
    return []  # tests have no network


class Noting(Reader):
    """A reader that notes what it runs."""

    def __init__(self, database: Database, statements: list[str]) -> None:
        super().__init__(database)
        self._statements = statements

    async def read(self, sql: str, parameters: Sequence[Any]) -> bytes | None:
        self._statements.append(sql)
        return await super().read(sql, parameters)


class Client:
    """Sends operations as one caller, in one namespace."""

    def __init__(
        self, database: Database, blobs: LocalBlobStore, blob_folder: Path, caller: Caller
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.blob_folder = blob_folder
        self.caller = caller
        self.limits = Limits()
        self.fetcher = Fetcher(FetchRules(), look_up=_nowhere)
        self.housekeeper = Housekeeper(database, blobs)
        self.idempotency_key: str | None = None
        self._reader = Reader(database)
        self._authenticator = Authenticator(database)

    @property
    def namespace_id(self) -> str:
        return self.caller.namespace_id

    async def execute(self, text: str, /, **variables: Any) -> dict[str, Any]:
        """Return the data of an operation without top-level errors."""
        data, errors = await self._run(text, variables)
        if errors:
            raise AssertionError(f"top-level errors: {errors}") from errors[0].original_error
        assert isinstance(data, dict)
        return data

    async def errors(self, text: str, /, **variables: Any) -> list[dict[str, Any]]:
        """Return the top-level errors of an operation, as a response has them."""
        _, errors = await self._run(text, variables)
        return [dict(error.formatted) for error in errors]

    def holding(self, *permissions: Permission) -> Client:
        """Return a client in the same namespace whose key has these permissions only."""
        caller = replace(self.caller, permissions=frozenset(permissions))
        return Client(self.database, self.blobs, self.blob_folder, caller)

    def sending(self, key: str) -> Client:
        """Return a client in the same namespace that sends the header Idempotency-Key."""
        client = Client(self.database, self.blobs, self.blob_folder, self.caller)
        client.idempotency_key = key
        return client

    async def elsewhere(self) -> Client:
        """Return a client in a namespace of its own."""
        return await new_client(self.database, self.blobs, self.blob_folder)

    async def stored(self) -> dict[str, list[str]]:
        """Return all that the namespace has in the database, and the files of all namespaces."""
        found: dict[str, list[str]] = {}
        async with self.database.transaction(self.namespace_id) as tx:
            for name, statement in _TABLES.items():
                rows = await tx.rows(statement, namespace_id=self.namespace_id)
                found[name] = sorted(str(dict(row)) for row in rows)
        return found | {"files": self.files()}

    async def key_of(self, content_hash: str) -> str:
        """Return the key under which the blob store has a content."""
        async with self.database.transaction(self.namespace_id) as tx:
            key: str = await tx.value(
                _KEY, namespace_id=self.namespace_id, content_hash=content_hash
            )
        return key

    async def bytes_of(self, content_hash: str) -> bytes | None:
        """Return the bytes of a content, from the blob store."""
        return await self.blobs.read(await self.key_of(content_hash))

    def files(self) -> list[str]:
        """Return the names of the files in the blob store."""
        return sorted(path.name for path in self.blob_folder.rglob("*") if path.is_file())

    @contextmanager
    def reading(self) -> Iterator[list[str]]:
        """Give the statements by which answers are read inside the block."""
        statements: list[str] = []
        reader = self._reader
        self._reader = Noting(self.database, statements)
        try:
            yield statements
        finally:
            self._reader = reader

    async def until_waiting(self, count: int) -> None:
        """Return once as many transactions wait for what others have locked."""
        async with asyncio.timeout(20), self.database.connection() as connection:
            while count != await connection.fetchval(_COUNT_WAITING):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def context(self) -> Context:
        """Return the context of a request."""
        return Context(
            caller=self.caller,
            database=self.database,
            reader=self._reader,
            blobs=self.blobs,
            fetcher=self.fetcher,
            limits=self.limits,
            authenticator=self._authenticator,
            cursors=_CURSORS,
            housekeeper=self.housekeeper,
            idempotency_key=self.idempotency_key,
        )

    async def _run(
        self, text: str, variables: dict[str, Any]
    ) -> tuple[Any, Sequence[GraphQLError]]:
        context = self.context()
        # As the view does it.
        answer = await _schema().answer(text, variables, None, context)
        if isinstance(answer, bytes):
            return orjson.loads(answer)["data"], []
        result = await _schema().execute(
            text, variable_values=variables, context_value=context, root_value=answer
        )
        return orjson.loads(encode(result.data)), result.errors or []


async def new_client(database: Database, blobs: LocalBlobStore, blob_folder: Path) -> Client:
    """Return an administrator's client in a new namespace."""
    namespace_id = new_id("ns")
    async with database.transaction() as tx:
        await tx.run(_ADD_NAMESPACE, id=namespace_id, namespace_name=namespace_id)
    caller = Caller(new_id("key"), frozenset({Permission.ADMIN}), None, namespace_id)
    return Client(database, blobs, blob_folder, caller)


@pytest.fixture
async def client(database: Database, tmp_path: Path) -> Client:
    """A client in an empty namespace."""
    folder = tmp_path / "blobs"
    blobs = LocalBlobStore(folder, UrlSigner(b"k" * 32, public_url="http://gateway"))
    return await new_client(database, blobs, folder)

"""Keys to try, and the gateway behind its authentication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from graphql import GraphQLError

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.context import Context
from gateway.database.pool import Database
from gateway.enums import Permission
from gateway.events.cursors import EventCursors
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.housekeeping import Housekeeper
from gateway.http.strict_json import encode
from gateway.limits import Limits
from gateway.namespaces import keys, service
from gateway.namespaces.audit import Actor
from gateway.namespaces.authentication import Authenticator
from gateway.namespaces.keys import NewSecret
from gateway.planner.reader import Reader
from gateway.schema import GatewaySchema, make_schema

OPERATOR = Actor(None, "operator", "workstation")


class Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Operator:
    """Makes and revokes as another process would: on the database alone.

    ``home`` and ``away`` are the ids of the namespaces of these names.
    """

    database: Database
    home: str = ""
    away: str = ""

    async def namespace(self, name: str) -> str:
        async with self.database.transaction() as tx:
            return await service.create_namespace(
                tx, by=OPERATOR, reach=None, name=name, description=None
            )

    async def key(
        self,
        *permissions: Permission,
        namespaces: Sequence[str] | None = None,
        expires_at: datetime | None = None,
    ) -> NewSecret:
        async with self.database.transaction() as tx:
            return await keys.create_key(
                tx,
                by=OPERATOR,
                limits=Limits(),
                reach=None,
                name="a key",
                permissions=permissions or [Permission.READ],
                namespaces=namespaces,
                expires_at=expires_at,
            )

    async def revoke(self, key: NewSecret) -> None:
        async with self.database.transaction() as tx:
            await keys.revoke_key(tx, by=OPERATOR, reach=None, id=key.key_id)


class Gateway:
    """Answers requests that show a secret and a namespace."""

    def __init__(self, schema: GatewaySchema, database: Database, folder: Path) -> None:
        self.authenticator = Authenticator(database)
        self._schema = schema
        self._database = database
        self._blobs = LocalBlobStore(folder, UrlSigner(b"k" * 32, public_url="http://here"))
        self._housekeeper = Housekeeper(database, self._blobs)

    async def run(
        self, query: str, *, key: NewSecret | str, namespace: str = "home", **variables: Any
    ) -> tuple[Any, list[GraphQLError]]:
        """Return the data as a client gets them, and the errors."""
        secret = key if isinstance(key, str) else key.secret
        caller = await self.authenticator.authenticate(f"Bearer {secret}", namespace)
        context: Any = Context(
            caller=caller,
            database=self._database,
            reader=Reader(self._database),
            blobs=self._blobs,
            fetcher=Fetcher(FetchRules()),
            limits=Limits(),
            authenticator=self.authenticator,
            cursors=EventCursors(),
            housekeeper=self._housekeeper,
        )
        result = await self._schema.execute(query, variable_values=variables, context_value=context)
        return orjson.loads(encode(result.data)), result.errors or []

    async def execute(self, query: str, *, key: NewSecret | str, **variables: Any) -> Any:
        """Return the data of a query without errors."""
        data, errors = await self.run(query, key=key, **variables)
        assert not errors
        return data


@pytest.fixture
async def operator(database: Database) -> Operator:
    operator = Operator(database)
    operator.home = await operator.namespace("home")
    operator.away = await operator.namespace("away")
    return operator


@pytest.fixture(scope="session")
def schema() -> GatewaySchema:
    return make_schema()


@pytest.fixture
async def gateway(schema: GatewaySchema, database: Database, tmp_path: Path) -> Gateway:
    return Gateway(schema, database, tmp_path)

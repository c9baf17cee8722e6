"""How connections to PostgreSQL are opened, and what each of them is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson

from gateway.database.noting import NotedConnection
from gateway.observing.statements import Statements
from gateway.timers import Timers

CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0

_SERVER_SETTINGS = {
    "TimeZone": "UTC",  # PostgreSQL then writes moments as RFC 3339 in UTC
    "jit": "off",  # nested reads: 3 ms against 219 ms with it
    "plan_cache_mode": "force_generic_plan",  # a read: planning takes as long as it
    "application_name": "lineage-gateway",
}


async def connect(url: str, settings: Mapping[str, str]) -> asyncpg.Connection:
    """Open a connection beside the pool.

    Args:
        settings: The server's, for this connection.
    """
    return await asyncpg.connect(
        plain_url(url),
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=STATEMENT_TIMEOUT_S,
        server_settings=_SERVER_SETTINGS | dict(settings),
    )


async def create_pool(url: str, *, size: int, statements: Statements) -> asyncpg.Pool:
    """Open the first connection of a pool whose statements are noted."""
    patience = Timers[NotedConnection](STATEMENT_TIMEOUT_S, NotedConnection.give_up)

    async def prepare(connection: Any) -> None:
        connection.statements = statements
        connection.patience = patience
        await prepare_connection(connection)

    return await asyncpg.create_pool(
        plain_url(url),
        min_size=1,
        max_size=size,
        connection_class=NotedConnection,
        init=prepare,
        timeout=CONNECT_TIMEOUT_S,
        # Text of a planned read can be long, and each is worth its plan.
        statement_cache_size=512,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=0,
        server_settings=_SERVER_SETTINGS,
    )


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """Make a connection take and give JSON columns as Python values."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_to_json, decoder=orjson.loads
        )


def plain_url(url: str) -> str:
    """Return the URL as asyncpg reads it: without the driver's name that SQLAlchemy puts in."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()

"""How PostgreSQL runs the gateway's statements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from bench.reads.dataset import NAMESPACE, Urls
from bench.reads.workloads import WORKLOADS, Variables, Workload
from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.caller import Caller
from gateway.context import Context
from gateway.database.pool import Database, open_database
from gateway.enums import Permission
from gateway.events.cursors import EventCursors
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.housekeeping import Housekeeper
from gateway.limits import Limits
from gateway.namespaces.authentication import Authenticator
from gateway.planner.reader import Reader
from gateway.schema import GatewaySchema, make_schema

# The plan that a server keeps after it has run a prepared statement a few times.
_SETTINGS = {"plan_cache_mode": "force_generic_plan", "jit": "off"}


class _Recorder(Reader):
    """Runs statements, and remembers them with their parameters."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.database = database
        self.statements: list[tuple[str, Sequence[Any]]] = []

    async def read(self, sql: str, parameters: Sequence[Any]) -> bytes | None:
        self.statements.append((sql, parameters))
        return await super().read(sql, parameters)


async def explained(urls: Urls, names: Sequence[str], folder: Path) -> AsyncIterator[str]:
    """Yield, for each workload, the plans of its statements as text.

    Args:
        folder: For a blob store, which nothing is put into.
    """
    schema = make_schema()
    superuser = await asyncpg.connect(urls.superuser)
    connection = await asyncpg.connect(urls.owner, server_settings=_SETTINGS)
    try:
        async with open_database(urls.owner) as database:
            for name in names:
                variables, *_ = await WORKLOADS[name].variables(superuser, turn=0)
                caller = await _caller(superuser)
                recorder = _Recorder(database)
                await _execute(schema, WORKLOADS[name], variables, caller, recorder, folder)
                for sql, parameters in recorder.statements:
                    plan = await _explain(connection, sql, parameters)
                    scans = plan.count("Seq Scan")
                    yield f"## {name}\n\nSequential scans: {scans}\n\n```text\n{plan}\n```\n"
    finally:
        await connection.close()
        await superuser.close()


async def _caller(connection: asyncpg.Connection) -> Caller:
    """Return an administrator of the namespace, with any key there is."""
    namespace_id = await connection.fetchval(
        "SELECT id FROM namespaces WHERE namespace_name = $1", NAMESPACE
    )
    key_id = await connection.fetchval("SELECT id FROM api_keys LIMIT 1")
    return Caller(key_id or "", frozenset({Permission.ADMIN}), None, namespace_id)


async def _execute(
    schema: GatewaySchema,
    workload: Workload,
    variables: Variables,
    caller: Caller,
    recorder: _Recorder,
    folder: Path,
) -> None:
    blobs = LocalBlobStore(folder / "blobs", UrlSigner(b"k" * 32, public_url="http://gateway"))
    context = Context(
        caller=caller,
        database=recorder.database,
        reader=recorder,
        blobs=blobs,
        fetcher=Fetcher(FetchRules()),
        limits=Limits(),
        authenticator=Authenticator(recorder.database),
        cursors=EventCursors(),
        housekeeper=Housekeeper(recorder.database, blobs),
    )
    result = await schema.execute(workload.text, variable_values=variables, context_value=context)
    if result.errors:
        raise result.errors[0]


async def _explain(connection: asyncpg.Connection, sql: str, parameters: Sequence[Any]) -> str:
    values = [await _literal(connection, each) for each in parameters]
    await connection.execute(f"PREPARE explained AS {sql}")
    rows = await connection.fetch(
        f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE explained ({', '.join(values)})"
    )
    await connection.execute("DEALLOCATE explained")
    return "\n".join(row[0] for row in rows)


async def _literal(connection: asyncpg.Connection, value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    text: str = await connection.fetchval("SELECT quote_nullable($1::text)", value)
    return text

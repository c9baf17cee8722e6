"""What a write costs in Python, by the way its statements are written and sent (decision 0001)."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import Any, NamedTuple

import click
import orjson
from sqlalchemy import bindparam, insert, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from gateway.buckets.tables import BucketRow
from gateway.database import migrate
from gateway.database.embedded.options import SERVING, TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.ids import new_id
from gateway.database.pool import Database, open_database
from gateway.database.state import open_state
from gateway.namespaces.tables import NamespaceRow
from gateway.objects.tables import BlobRow, ObjectRow

NAMESPACE_ID, BUCKET_ID = f"ns_{0:026d}", f"bkt_{0:026d}"
BLOBS = 2
_HASH = "0" * 64

Values = dict[str, Any]
Write = Callable[[Values, list[Values]], Awaitable[None]]

_ADD_NAMESPACE = insert(NamespaceRow).values(id=NAMESPACE_ID, namespace_name="a")
_ADD_BUCKET = insert(BucketRow).values(
    namespace_id=NAMESPACE_ID, id=BUCKET_ID, bucket_name="a", bucket_schema={}
)
_ADD_OBJECT = insert(ObjectRow).values(
    namespace_id=bindparam("namespace_id"),
    id=bindparam("id"),
    bucket_id=bindparam("bucket_id"),
    key_prefix=bindparam("key_prefix"),
    metadata_=bindparam("metadata"),
    content_hash=bindparam("content_hash"),
    size_bytes=bindparam("size_bytes"),
)
_ADD_BLOB = insert(BlobRow).values(
    namespace_id=bindparam("namespace_id"),
    id=bindparam("id"),
    object_id=bindparam("object_id"),
    bucket_id=bindparam("bucket_id"),
    position=bindparam("position"),
    property=bindparam("property"),
    type=bindparam("type"),
    properties=bindparam("properties"),
    filename=bindparam("filename"),
    size_bytes=bindparam("size_bytes"),
    mime_type=bindparam("mime_type"),
    hash=bindparam("hash"),
    has_bytes=bindparam("has_bytes"),
)
_SET_NAMESPACE = text("SELECT set_config('app.namespace_id', :namespace_id, true)")

_BEGIN_SQL = f"BEGIN; SET LOCAL app.namespace_id = '{NAMESPACE_ID}'"
_ADD_OBJECT_SQL = """
    INSERT INTO objects
        (namespace_id, id, bucket_id, key_prefix, metadata, content_hash, size_bytes)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_ADD_BLOB_SQL = """
    INSERT INTO blobs (namespace_id, id, object_id, bucket_id, position, property, type, properties,
        filename, size_bytes, mime_type, hash, has_bytes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""
_COUNT = text(
    "SELECT (SELECT count(*) FROM objects) AS objects, (SELECT count(*) FROM blobs) AS blobs"
)


class Run(NamedTuple):
    """One run of one way: CPU time of this process and elapsed time, per write, in seconds."""

    cpu: float
    elapsed: float


def orm(engine: AsyncEngine) -> Write:
    """Return a write by AsyncSession and mapped objects."""
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def write(made: Values, blobs: list[Values]) -> None:
        async with sessions() as session, session.begin():
            await session.execute(_SET_NAMESPACE, {"namespace_id": NAMESPACE_ID})
            await _add(session, ObjectRow(**_mapped(made)))
            await _add(session, *(BlobRow(**each) for each in blobs))

    return write


async def _add(session: AsyncSession, *rows: object) -> None:
    # Flushed one kind at a time: without relationships a session does not know which comes first.
    session.add_all(rows)
    await session.flush()


def _mapped(made: Values) -> Values:
    return {"metadata_" if name == "metadata" else name: value for name, value in made.items()}


def core(engine: AsyncEngine) -> Write:
    """Return a write by AsyncConnection and Core's statements."""

    async def write(made: Values, blobs: list[Values]) -> None:
        async with engine.begin() as connection:
            await connection.execute(_SET_NAMESPACE, {"namespace_id": NAMESPACE_ID})
            await connection.execute(_ADD_OBJECT, made)
            await connection.execute(_ADD_BLOB, blobs)

    return write


def ours(database: Database) -> Write:
    """Return a write as services do it: Core's statements, compiled once, on asyncpg."""

    async def write(made: Values, blobs: list[Values]) -> None:
        async with database.transaction(NAMESPACE_ID) as tx:
            await tx.run(_ADD_OBJECT, **made)
            await tx.run_many(_ADD_BLOB, blobs)

    return write


def bare(database: Database) -> Write:
    """Return a write with SQL written by hand: the least there can be."""

    async def write(made: Values, blobs: list[Values]) -> None:
        async with database.connection() as connection:
            await connection.execute(_BEGIN_SQL)
            await connection.execute(_ADD_OBJECT_SQL, *made.values())
            await connection.executemany(_ADD_BLOB_SQL, [list(each.values()) for each in blobs])
            await connection.execute("COMMIT")

    return write


@click.command(short_help=__doc__)
@click.option("--writers", default=8, show_default=True, help="How many at once.")
@click.option("--writes", default=200, show_default=True, help="In one run.")
@click.option("--rounds", default=31, show_default=True, help="Runs of each way.")
@click.option("--durable", is_flag=True, help="Wait for the disk at each commit, as in production.")
@click.option("--postgres-bin", default="", help="Programs of another PostgreSQL.")
def main(writers: int, writes: int, rounds: int, durable: bool, postgres_bin: str) -> None:
    """Measure what it costs to insert an object with two blobs, rows only, in four ways.

    All ways take turns, in a new order each round; a ratio is to the hand-written way of the same
    round. Unless --durable is given PostgreSQL does not wait for the disk, so that what differs
    shows.
    """
    with (
        tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder,
        open_state(folder) as state,
        open_postgres(
            state, postgres_bin=postgres_bin, settings=SERVING if durable else TESTING
        ) as postgres,
    ):
        runs = asyncio.run(_measure(postgres.url, writers, writes, rounds))
    click.echo("| way | CPU (range) | writes per second (range) |")
    click.echo("| --- | --- | --- |")
    for way, ratios in _ratios(runs).items():
        click.echo(f"| {way} | {_shown(ratios, 'cpu')} | {_shown(ratios, 'elapsed')} |")


def _ratios(runs: Mapping[str, list[Run]]) -> dict[str, list[Run]]:
    """Return how each run compares to the last way's run of its round; speed is turned over."""
    (*_, measure) = runs.values()
    return {
        way: [
            Run(mine.cpu / base.cpu, base.elapsed / mine.elapsed)
            for mine, base in zip(results, measure, strict=True)
        ]
        for way, results in runs.items()
    }


def _shown(ratios: list[Run], figure: str) -> str:
    values = [getattr(each, figure) for each in ratios]
    return f"{median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


async def _measure(url: str, writers: int, writes: int, rounds: int) -> dict[str, list[Run]]:
    await migrate.up(url)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(_engine(url, size=writers))
        database = await stack.enter_async_context(open_database(url, size=writers))
        async with database.transaction(NAMESPACE_ID) as tx:
            await tx.run(_ADD_NAMESPACE)
            await tx.run(_ADD_BUCKET)
        ways = {
            "AsyncSession, mapped objects": orm(engine),
            "AsyncConnection, Core": core(engine),
            "Transaction, Core": ours(database),
            "asyncpg, SQL by hand": bare(database),
        }
        for write in ways.values():  # statements are prepared, pools are full
            await _run(write, writers, writers * 20)
        runs: dict[str, list[Run]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way in random.sample(list(ways), len(ways)):
                runs[way].append(await _run(ways[way], writers, writes))
        await _check(database, len(ways) * (writers * 20 + rounds * writes))
        return runs


@asynccontextmanager
async def _engine(url: str, *, size: int) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://"),
        pool_size=size,
        max_overflow=0,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    try:
        yield engine
    finally:
        await engine.dispose()


async def _run(write: Write, writers: int, writes: int) -> Run:
    """Let writers share so many writes; return what one of them took."""
    left = iter(range(writes))

    async def work() -> None:
        for _ in left:
            await write(*_rows())

    cpu, started = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(writers)))
    return Run((time.process_time() - cpu) / writes, (time.perf_counter() - started) / writes)


def _rows() -> tuple[Values, list[Values]]:
    """Return an object and its blobs, in the order of the hand-written statements' columns."""
    made = {
        "namespace_id": NAMESPACE_ID,
        "id": new_id("obj"),
        "bucket_id": BUCKET_ID,
        "key_prefix": "/documents",
        "metadata": {"category": "contracts", "status": "draft", "year": 2024},
        "content_hash": _HASH,
        "size_bytes": 1000,
    }
    blobs = [
        {
            "namespace_id": NAMESPACE_ID,
            "id": new_id("blob"),
            "object_id": made["id"],
            "bucket_id": BUCKET_ID,
            "position": position,
            "property": "thumbnail",
            "type": "IMAGE",
            "properties": {"height": 300, "width": 200},
            "filename": "thumbnail.png",
            "size_bytes": 500,
            "mime_type": "image/png",
            "hash": _HASH,
            "has_bytes": True,
        }
        for position in range(BLOBS)
    ]
    return made, blobs


async def _check(database: Database, expected: int) -> None:
    """See to it that all ways did the same work, and all of it."""
    async with database.transaction(NAMESPACE_ID) as tx:
        (counts,) = await tx.rows(_COUNT)
    if tuple(counts) != (expected, expected * BLOBS):
        raise click.ClickException(f"{tuple(counts)} rows were written for {expected} writes")

"""What a writer pays for counts that are always right (decision 0002)."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncpg
import click

from gateway.database import migrate
from gateway.database.embedded.options import SERVING
from gateway.database.embedded.server import EmbeddedPostgres, open_postgres
from gateway.database.state import open_state

_NO_TALLY = "DROP TRIGGER tally_inserted_objects ON objects;"
_TALLY = """
    DROP TRIGGER tally_inserted_objects ON objects;
    CREATE SEQUENCE ledger;
    CREATE FUNCTION tally() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        INSERT INTO bucket_tallies AS t
        SELECT namespace_id, bucket_id, {slot}, count(*), sum(size_bytes), max(created_at)
        FROM changed c GROUP BY namespace_id, bucket_id
        ON CONFLICT (namespace_id, bucket_id, slot) DO UPDATE SET
            objects = t.objects + excluded.objects,
            size_bytes = t.size_bytes + excluded.size_bytes,
            last_upload_at = greatest(t.last_upload_at, excluded.last_upload_at);
        RETURN NULL;
    END $$;
    CREATE TRIGGER tally AFTER INSERT ON objects
        REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tally();
"""
_ANY_FREE = """
    coalesce(
        (SELECT slot FROM bucket_tallies f
            WHERE f.namespace_id = c.namespace_id AND f.bucket_id = c.bucket_id
            ORDER BY slot LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
        floor(random() * 2147483647)::integer)
"""
# What makes a migrated database count in another way; the others are compared with the first.
WAYS = {
    "no tally": _NO_TALLY,
    "one hot row": _TALLY.format(slot="0"),
    "a row for each insert": _TALLY.format(slot="nextval('ledger')"),
    "any free row": _TALLY.format(slot=_ANY_FREE),
    "a row for each session": "SELECT 1;",
}
_WRITER = """
    CREATE PROCEDURE write_objects(seconds float, INOUT written integer) LANGUAGE plpgsql AS $$
    DECLARE
        stop timestamptz := clock_timestamp() + make_interval(secs => seconds);
        prefix text := format('obj_%s_%s_', pg_backend_pid(), extract(epoch FROM now()));
    BEGIN
        written := 0;
        WHILE clock_timestamp() < stop LOOP
            INSERT INTO objects (namespace_id, id, bucket_id, size_bytes)
                VALUES ('ns_a', prefix || written, 'bkt_1', 7);
            COMMIT;
            written := written + 1;
        END LOOP;
    END $$;
    INSERT INTO namespaces (id, namespace_name) VALUES ('ns_a', 'a');
    INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
        VALUES ('ns_a', 'bkt_1', '1', '{}');
"""
_READ_TALLIES = """
    SELECT sum(objects), sum(size_bytes), max(last_upload_at) FROM bucket_tallies
    WHERE namespace_id = 'ns_a' AND bucket_id = 'bkt_1'
"""
_READ_OBJECTS = """
    SELECT count(*), sum(size_bytes), max(created_at) FROM objects
    WHERE namespace_id = 'ns_a' AND bucket_id = 'bkt_1'
"""


class Run(NamedTuple):
    """One way for a few seconds."""

    per_second: float
    cpu_us: float  # of the server, for each insert


@dataclass(frozen=True, slots=True)
class Result:
    """How one way did with one number of writers."""

    runs: list[Run]
    ratios: list[float]  # to no tally, round by round
    objects: int
    rows: int
    read_ms: float

    def cells(self) -> str:
        """Return the cells of a row of the table."""
        cpu_us = [run.cpu_us for run in self.runs]
        return (
            f"{median(run.per_second for run in self.runs):,.0f} | {median(self.ratios):.2f}"
            f" ({min(self.ratios):.2f}..{max(self.ratios):.2f})"
            f" | {median(cpu_us):.0f} ({cpu_us[0]:.0f}, {cpu_us[-1]:.0f})"
            f" | {self.objects:,} | {self.rows:,} | {self.read_ms:.2f}"
        )


@click.command(short_help=__doc__)
@click.option("--writers", default="1,8,32", show_default=True, help="How many at once.")
@click.option("--seconds", default=2.0, show_default=True, help="Length of one run.")
@click.option("--rounds", default=5, show_default=True, help="Runs of each way.")
@click.option("--flush-ms", default=1.0, show_default=True, help="What a commit waits at least.")
@click.option("--postgres-bin", default="", help="Programs of another PostgreSQL.")
def main(writers: str, seconds: float, rounds: int, flush_ms: float, postgres_bin: str) -> None:
    """Measure how fast writers insert objects into one bucket, by the way they are counted.

    The writers run inside PostgreSQL, so that nothing but the transactions is measured: a service
    would hide part of the cost. All ways take turns, in a new order each round, and a ratio is to
    the run without tallies of the same round. The second table is the same beside a transaction
    that keeps its snapshot, as pg_dump does.
    """
    settings = {
        **SERVING,
        "max_connections": "200",
        # A fast disk hides what a lock costs that is held while the log is flushed.
        "commit_delay": f"{flush_ms * 1000:.0f}",
        "commit_siblings": "0",
    }
    counts = [int(each) for each in writers.split(",")]
    with (
        tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder,
        open_state(folder) as state,
        open_postgres(state, postgres_bin=postgres_bin, settings=settings) as postgres,
    ):
        for beside_snapshot in (False, True):
            click.echo("\nBeside an open snapshot" if beside_snapshot else "\nNothing else running")
            click.echo(
                "| writers | way | inserts/s | ratio (range)"
                " | CPU us per insert (first, last run) | objects | rows to add up | read ms |"
            )
            click.echo("| --- | --- | --- | --- | --- | --- | --- | --- |")
            for count in counts:
                measuring = _measure(postgres, count, seconds, rounds, beside_snapshot)
                for way, result in asyncio.run(measuring).items():
                    click.echo(f"| {count} | {way} | {result.cells()} |")


async def _measure(
    postgres: EmbeddedPostgres, writers: int, seconds: float, rounds: int, beside_snapshot: bool
) -> dict[str, Result]:
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    async with AsyncExitStack() as stack:
        urls = {way: await stack.enter_async_context(_database(postgres, way)) for way in WAYS}
        if beside_snapshot:
            for url in urls.values():
                await stack.enter_async_context(_snapshot(url))
        for _ in range(rounds):
            for way in random.sample(list(WAYS), len(WAYS)):
                runs[way].append(await _insert(urls[way], writers, seconds))
        return {way: await _result(urls[way], way, runs) for way in WAYS}


@asynccontextmanager
async def _database(postgres: EmbeddedPostgres, way: str) -> AsyncIterator[str]:
    """Make a database that counts in a certain way; drop it in the end."""
    name = way.replace(" ", "_")
    superuser = await asyncpg.connect(postgres.superuser_url("postgres"))
    await superuser.execute(f"CREATE DATABASE {name} OWNER gateway")
    try:
        url = urlsplit(postgres.url)._replace(path=f"/{name}").geturl()
        await migrate.up(url)
        async with _connection(url) as connection:
            await connection.execute(WAYS[way] + _WRITER)
        yield url
    finally:
        await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await superuser.close()


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    await connection.execute("SET app.namespace_id = 'ns_a'")
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[None]:
    async with _connection(url) as connection, connection.transaction(isolation="repeatable_read"):
        await connection.fetchval("SELECT count(*) FROM objects")
        yield


async def _insert(url: str, writers: int, seconds: float) -> Run:
    """Let so many insert for so long; each insert is a transaction."""
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(_connection(url)) for _ in range(writers)]
        started = time.perf_counter()
        written: Sequence[int] = await asyncio.gather(
            *(each.fetchval("CALL write_objects($1, 0)", seconds) for each in connections)
        )
        passed_s = time.perf_counter() - started
        cpu_s = sum(_cpu_s(each.get_server_pid()) for each in connections)
        return Run(sum(written) / passed_s, cpu_s / sum(written) * 1e6)


def _cpu_s(pid: int) -> float:
    """Return the CPU time of a process, which barely depends on what else runs; 0 off Linux."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def _result(url: str, way: str, runs: dict[str, list[Run]]) -> Result:
    read = _READ_OBJECTS if way == "no tally" else _READ_TALLIES
    times = []
    async with _connection(url) as connection:
        for _ in range(20):
            started = time.perf_counter()
            (counts,) = await connection.fetch(read)
            times.append(time.perf_counter() - started)
        objects = await connection.fetchval("SELECT count(*) FROM objects")
        if counts[0] != objects:
            raise click.ClickException(f"{way}: {counts[0]} were counted of {objects}")
        return Result(
            runs=runs[way],
            ratios=[
                run.per_second / base.per_second
                for run, base in zip(runs[way], runs["no tally"], strict=True)
            ],
            objects=objects,
            rows=await connection.fetchval("SELECT count(*) FROM bucket_tallies") or objects,
            read_ms=median(times) * 1000,
        )

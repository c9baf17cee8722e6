"""What writers pay for events that are never lost (decision 0012)."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncpg
import click

from gateway.database import migrate
from gateway.database.embedded.options import SERVING
from gateway.database.embedded.server import EmbeddedPostgres, open_postgres
from gateway.database.pool import open_database
from gateway.database.state import open_state
from gateway.events.sequencer import Sequencer

# What makes a migrated database keep events in another way; all are compared with the first.
_NO_EVENTS = """
    SELECT keep_no_events_of(each::regclass)
    FROM unnest(ARRAY['buckets', 'objects', 'documents', 'collections', 'uploads']) each
"""
_NOTIFYING = """
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('events', NEW.id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER tell AFTER INSERT OR UPDATE ON objects FOR EACH ROW EXECUTE FUNCTION tell();
"""
# What an event takes at the least: the writer's own INSERT of one, which nobody could follow by.
_BARE = f"""
    {_NO_EVENTS};
    CREATE TABLE bare_events (LIKE event_outbox INCLUDING ALL)
"""
WAYS = {
    "no events": _NO_EVENTS,
    "bare event": _BARE,
    "outbox": "SELECT 1",
    "outbox, sequenced": "SELECT 1",
    "outbox, NOTIFY": _NOTIFYING,
}
SEQUENCED = "outbox, sequenced"

_WRITERS = """
    CREATE PROCEDURE make_objects(writer integer, seconds float, INOUT written integer)
    LANGUAGE plpgsql AS $$
    DECLARE
        stop timestamptz := clock_timestamp() + make_interval(secs => seconds);
        is_bare boolean := to_regclass('bare_events') IS NOT NULL;
        prefix text := format('obj_%s_%s_', pg_backend_pid(), extract(epoch FROM now()));
    BEGIN
        written := 0;
        WHILE clock_timestamp() < stop LOOP
            INSERT INTO objects (namespace_id, id, bucket_id, size_bytes)
                VALUES (current_setting('app.namespace_id'), prefix || written, 'bkt_1', 7);
            IF is_bare THEN
                INSERT INTO bare_events
                    (namespace_id, kind, event, node_id, bucket_id, root_object_id, version, status)
                VALUES (current_setting('app.namespace_id'), 'OBJECT', 'CREATED', prefix || written,
                    'bkt_1', prefix || written, 1, 'DRAFT');
            END IF;
            COMMIT;
            written := written + 1;
        END LOOP;
    END $$;
    CREATE PROCEDURE change_objects(writer integer, seconds float, INOUT written integer)
    LANGUAGE plpgsql AS $$
    DECLARE
        stop timestamptz := clock_timestamp() + make_interval(secs => seconds);
        is_bare boolean := to_regclass('bare_events') IS NOT NULL;
    BEGIN
        written := 0;
        WHILE clock_timestamp() < stop LOOP
            UPDATE objects SET version = version + 1, updated_at = now(), status =
                CASE status WHEN 'QUEUED' THEN 'PROCESSING' WHEN 'PROCESSING' THEN 'FAILED'
                    ELSE 'QUEUED' END
            WHERE namespace_id = current_setting('app.namespace_id')
                AND id = format('obj_%s_%s', writer, written % 100);
            IF is_bare THEN
                INSERT INTO bare_events (namespace_id, kind, event, node_id, bucket_id,
                    root_object_id, version, previous_status, status)
                VALUES (current_setting('app.namespace_id'), 'OBJECT', 'STATUS_CHANGED',
                    format('obj_%s_%s', writer, written % 100), 'bkt_1',
                    format('obj_%s_%s', writer, written % 100), 1, 'QUEUED', 'PROCESSING');
            END IF;
            COMMIT;
            written := written + 1;
        END LOOP;
    END $$;
    INSERT INTO namespaces (id, namespace_name) SELECT 'ns_' || i, i FROM generate_series(0, 99) i;
"""
_FILL = """
    INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
        VALUES ('ns_{0}', 'bkt_1', '1', '{{}}');
    INSERT INTO objects (namespace_id, id, bucket_id, status)
        SELECT 'ns_{0}', format('obj_%s_%s', {0}, i), 'bkt_1', 'QUEUED'
        FROM generate_series(0, 99) i
"""
_FILL_HOT = """
    INSERT INTO objects (namespace_id, id, bucket_id, status)
        SELECT 'ns_0', format('obj_%s_%s', {0}, i), 'bkt_1', 'QUEUED'
        FROM generate_series(0, 99) i
        ON CONFLICT DO NOTHING
"""
# The numbers have no hole, and each object's versions are there once and in order.
_WRONG = """
    SELECT (SELECT max(seq) - count(*) FROM event_log)
        + (SELECT count(*) FROM (
            SELECT version, row_number() OVER (PARTITION BY namespace_id, node_id ORDER BY seq) AS n
            FROM event_log WHERE kind = 'OBJECT') e WHERE version <> n)
        + abs((SELECT sum(version) FROM objects)
            - (SELECT count(*) FROM event_log WHERE kind = 'OBJECT'))
"""


# The sequencer's own connection and those by which it clears the outbox.
_OTHERS = """
    SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL ($1::integer[])
"""
_LAST_SEQ = "SELECT coalesce(max(last_seq), 0) FROM event_batches"


class Run(NamedTuple):
    """One way for a few seconds."""

    per_second: float
    cpu_us: float  # of the writers' backends, for each write
    moved_per_second: float  # into the log
    moving_us: float  # of CPU, for each event that was moved; removing it from the outbox is in it

    def all_us(self) -> float:
        """Return the CPU of a write and of what became of its event."""
        return self.cpu_us + self.moving_us * self.moved_per_second / self.per_second


@click.command(short_help=__doc__)
@click.option("--writers", default="32", show_default=True, help="How many at once.")
@click.option("--seconds", default=1.5, show_default=True, help="Length of one run.")
@click.option("--rounds", default=4, show_default=True, help="Runs of each way.")
@click.option("--flush-ms", default=1.0, show_default=True, help="What a commit waits at least.")
@click.option("--postgres-bin", default="", help="Programs of another PostgreSQL.")
def main(writers: str, seconds: float, rounds: int, flush_ms: float, postgres_bin: str) -> None:
    """Measure how fast writers make and change objects, by what tells of it.

    The writers run inside PostgreSQL, so that nothing but the transactions is measured. All ways
    take turns, in a new order each round; a ratio is to the run without events of the same round.
    The sequencer, as a gateway runs it, works beside the writers on the same cores. In the end the
    log is compared with the objects. A machine that is busy with other things, or slow to flush,
    makes ratios look better than they are: then the ratio of CPU tells more, which is that of all
    that a write takes, the moving of its event included.
    """
    settings = {
        **SERVING,
        "max_connections": "200",
        # A fast disk hides what a lock costs that is held while the log is flushed.
        "commit_delay": f"{flush_ms * 1000:.0f}",
        "commit_siblings": "0",
    }
    with (
        tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder,
        open_state(folder) as state,
        open_postgres(state, postgres_bin=postgres_bin, settings=settings) as postgres,
    ):
        click.echo(
            "| work | namespaces | writers | way | per second | ratio (range) | ratio of CPU"
            " | CPU us a write | moved per second | CPU us to move one |"
        )
        click.echo("| --- | --- | --: | --- | --: | --: | --: | --: | --: | --: |")
        for work in ("make", "change"):
            for is_hot in (False, True):
                for count in map(int, writers.split(",")):
                    asyncio.run(_measure(postgres, work, is_hot, count, seconds, rounds))


async def _measure(
    postgres: EmbeddedPostgres, work: str, is_hot: bool, writers: int, seconds: float, rounds: int
) -> None:
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    async with AsyncExitStack() as stack:
        urls = {way: await stack.enter_async_context(_database(postgres, way)) for way in WAYS}
        for _ in range(rounds):
            for way in random.sample(list(WAYS), len(WAYS)):
                async with _sequencer(urls[way], is_on=way == SEQUENCED):
                    runs[way].append(
                        await _write(postgres, urls[way], work, is_hot, writers, seconds)
                    )
        await _check(urls[SEQUENCED])
    base = runs["no events"]
    where = "one" if is_hot else "one each"
    lightest = median(run.cpu_us for run in base)
    for way, results in runs.items():
        ratios = [
            run.per_second / first.per_second for run, first in zip(results, base, strict=True)
        ]
        click.echo(
            f"| {work} | {where} | {writers} | {way}"
            f" | {median(run.per_second for run in results):,.0f}"
            f" | {median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
            f" | {lightest / max(median(run.all_us() for run in results), 1e-9):.2f}"
            f" | {median(run.cpu_us for run in results):.0f}"
            f" | {median(run.moved_per_second for run in results):,.0f}"
            f" | {median(run.moving_us for run in results):.1f} |"
        )


@asynccontextmanager
async def _database(postgres: EmbeddedPostgres, way: str) -> AsyncIterator[str]:
    """Make a database that tells in a certain way; drop it in the end."""
    name = way.replace(" ", "_").replace(",", "")
    superuser = await asyncpg.connect(postgres.superuser_url("postgres"))
    await superuser.execute(f'CREATE DATABASE "{name}" OWNER gateway')
    try:
        url = urlsplit(postgres.url)._replace(path=f"/{name}").geturl()
        await migrate.up(url)
        async with _connection(url, 0) as connection:
            await connection.execute(WAYS[way])
            await connection.execute(_WRITERS)
            for writer in range(100):
                await connection.execute(f"SET app.namespace_id = 'ns_{writer}'")
                await connection.execute(_FILL.format(writer))
                await connection.execute("SET app.namespace_id = 'ns_0'")
                await connection.execute(_FILL_HOT.format(writer))
            while await connection.fetchval("SELECT sequence_events(10000)"):
                pass
        yield url
    finally:
        await superuser.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await superuser.close()


@asynccontextmanager
async def _connection(url: str, namespace: int) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    await connection.execute(f"SET app.namespace_id = 'ns_{namespace}'")
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _sequencer(url: str, *, is_on: bool) -> AsyncIterator[None]:
    if not is_on:
        yield
        return
    async with open_database(url, size=2) as database:
        sequencer = Sequencer(database, retention_days=7)
        task = asyncio.create_task(sequencer.run())
        while not sequencer.is_leader:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _write(
    postgres: EmbeddedPostgres, url: str, work: str, is_hot: bool, writers: int, seconds: float
) -> Run:
    """Let so many write for so long; each write is a transaction."""
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(_connection(url, 0 if is_hot else number))
            for number in range(writers)
        ]
        pids = {each.get_server_pid() for each in connections}
        database = urlsplit(url).path.removeprefix("/")
        observer = await asyncpg.connect(postgres.superuser_url(database))
        stack.push_async_callback(observer.close)
        others: list[int] = await observer.fetchval(_OTHERS, list(pids))
        last_seq = await observer.fetchval(_LAST_SEQ)
        moving_s = time.process_time() + sum(map(_cpu_s, others))

        started = time.perf_counter()
        written: Sequence[int] = await asyncio.gather(
            *(
                each.fetchval(f"CALL {work}_objects($1, $2, 0)", number, seconds)
                for number, each in enumerate(connections)
            )
        )
        passed_s = time.perf_counter() - started

        moving_s = time.process_time() + sum(map(_cpu_s, others)) - moving_s
        moved = await observer.fetchval(_LAST_SEQ) - last_seq
        return Run(
            per_second=sum(written) / passed_s,
            cpu_us=sum(map(_cpu_s, pids)) / sum(written) * 1e6,
            moved_per_second=moved / passed_s,
            moving_us=moving_s / moved * 1e6 if moved else 0.0,
        )


def _cpu_s(pid: int) -> float:
    """Return the CPU time of a process, which barely depends on what else runs; 0 off Linux."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


async def _check(url: str) -> None:
    """See to it that the log tells all that was written, once and in order."""
    async with _connection(url, 0) as connection:
        while await connection.fetchval("SELECT sequence_events(10000)"):
            pass
        # Sees all namespaces where nobody else is bound to one.
        await connection.execute(
            "ALTER TABLE objects NO FORCE ROW LEVEL SECURITY; SET app.events_of = 'all'"
        )
        if wrong := await connection.fetchval(_WRONG):
            raise click.ClickException(f"{wrong} events are lost, doubled or out of order")

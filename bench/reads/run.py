"""One call of the bench: which servers run on which database, and what is asked of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import click

from bench.reads import check, contenders, growth, pages
from bench.reads.aims import GROWTH as GROWING
from bench.reads.aims import Measured
from bench.reads.contenders import Contender, Gateway
from bench.reads.dataset import NAMESPACE, Urls, open_copy
from bench.reads.measure import Results, Side, Timing, take_turns
from bench.reads.postgraphile.contender import PostGraphile, open_postgraphile, prepare
from bench.reads.postgraphile.packages import Absent, Packages
from bench.reads.workloads import WORKLOADS
from gateway.database.embedded.server import EmbeddedPostgres
from gateway.database.pool import open_database
from gateway.database.state import StateFolder
from gateway.namespaces.first_key import ensure_default

PAGES, GROWTH = "pages", "growth"


@dataclass(frozen=True, slots=True)
class Bench:
    """What all measurements of a call have in common.

    Args:
        folder: Of the PostgreSQL, which has the datasets.
        temporary: For what servers keep.
    """

    postgres: EmbeddedPostgres
    folder: StateFolder
    temporary: Path
    timing: Timing
    scale: int
    packages: Packages | Absent

    async def measure(self, names: Sequence[str]) -> Measured:
        """Measure what is named: workloads, `PAGES`, `GROWTH`."""
        workloads = [name for name in names if name in WORKLOADS]
        async with self._open_dataset(self.scale) as (urls, headers):
            with contenders.open_gateway(urls.owner, self.temporary, headers) as gateway:
                return Measured(
                    await self._compare(workloads, gateway, urls, headers) if workloads else {},
                    await self._page(gateway, urls) if PAGES in names else {},
                    await self._grow(gateway, urls) if GROWTH in names else {},
                )

    async def _compare(
        self, names: Sequence[str], gateway: Gateway, urls: Urls, headers: dict[str, str]
    ) -> dict[str, Results]:
        with ExitStack() as stack:
            limit = contenders.open_limit(urls.superuser, self.temporary, headers)
            sides: list[Contender] = [stack.enter_context(limit), gateway]
            async with _connection(urls) as connection:
                if isinstance(self.packages, Packages):
                    postgraphile = open_postgraphile(
                        urls.superuser,
                        self.temporary,
                        headers,
                        packages=self.packages,
                        namespace_id=await prepare(connection),
                    )
                    sides.append(stack.enter_context(postgraphile))
                return {name: await self._workload(name, sides, connection) for name in names}

    async def _workload(
        self, name: str, servers: Sequence[Contender], connection: asyncpg.Connection
    ) -> Results:
        _say(name)
        workload = WORKLOADS[name]
        sent_to: list[Contender] = []
        for server in servers:
            sent_to += server.forms(workload) if isinstance(server, PostGraphile) else [server]
        variables = {
            each: await workload.variables(connection, turn=turn)
            for turn, each in enumerate(sent_to)
        }
        requests = check.equal_answers(workload, variables)
        await connection.execute("CHECKPOINT")
        sides = {
            each.name: Side(each.port, each.pid, each.warm_up_s, asked)
            for each, asked in requests.items()
        }
        results = self._take_turns(sides)
        check.equal_answers(workload, variables)
        if workload.ids is None:
            written = {
                sent[0]["input"]["bucketId"]: results.answers[each.name] + 2 * len(sent)
                for each, sent in variables.items()
            }
            await check.equal_rows(connection, written)
        return results

    async def _page(self, gateway: Gateway, urls: Urls) -> dict[str, Results]:
        results = {}
        async with _connection(urls) as connection:
            for name, asked in pages.PAGES.items():
                _say(name)
                results[name] = self._take_turns(await pages.sides(asked, gateway, connection))
        return results

    async def _grow(self, small: Gateway, urls: Urls) -> dict[str, Results]:
        _say(f"{growth.FACTOR} times the data, which may have to be built")
        own = self.temporary / "large"
        own.mkdir()
        results = {}
        async with self._open_dataset(self.scale * growth.FACTOR) as (large_urls, headers):
            with contenders.open_gateway(large_urls.owner, own, headers) as large:
                for name in GROWING:
                    _say(f"{name} with {growth.FACTOR} times the data")
                    sides = {
                        growth.SMALL: await growth.side(WORKLOADS[name], small, urls.superuser),
                        growth.LARGE: await growth.side(
                            WORKLOADS[name], large, large_urls.superuser
                        ),
                    }
                    results[name] = self._take_turns(sides)
        return results

    @asynccontextmanager
    async def _open_dataset(self, scale: int) -> AsyncIterator[tuple[Urls, dict[str, str]]]:
        """Lend a dataset, and the headers of a caller who may do everything in it."""
        async with open_copy(self.postgres, scale=scale) as urls:
            async with open_database(urls.owner, size=1) as database:
                first = await ensure_default(database, self.folder.path / "bench-key")
            yield urls, {"Authorization": f"Bearer {first.secret}", "X-Namespace": NAMESPACE}

    def _take_turns(self, sides: Mapping[str, Side]) -> Results:
        (path,) = self.folder.path.glob("pg*/postmaster.pid")
        postgres_pid = int(path.read_text().split()[0])
        return take_turns(sides, self.timing, postgres_pid=postgres_pid)


@asynccontextmanager
async def _connection(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """Lend a connection that no row level security binds."""
    connection = await asyncpg.connect(urls.superuser)
    try:
        yield connection
    finally:
        await connection.close()


def _say(what: str) -> None:
    """Tell what goes on, apart from the report."""
    click.echo(f"measuring {what}", err=True)

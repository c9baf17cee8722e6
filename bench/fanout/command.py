"""``python -m bench fanout``."""

from __future__ import annotations

import asyncio
import os
import resource
import tempfile
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from bench.fanout import measure, report
from bench.fanout.crowds import open_crowds
from bench.fanout.graphql_ws import packages
from bench.fanout.measure import Load
from bench.fanout.report import Measured
from bench.fanout.servers import Server, open_gateway, open_graphql_ws, open_raw
from gateway.database import migrate
from gateway.database.embedded.server import open_postgres
from gateway.database.state import open_state


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many follow, and how often everything is measured."""

    subscribers: int
    idle: int
    close_by: int
    rounds: int
    processes: int


@click.command(short_help="What subscribers cost, and how soon they know.")
@click.option("--subscribers", default=1000, show_default=True, help="Of one document.")
@click.option("--idle", default=2000, show_default=True, help="Who only subscribe.")
@click.option("--close-by", default=200, show_default=True, help="Of whom latency is measured.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each server.")
@click.option("--processes", default=2, show_default=True, help="That the subscribers run in.")
@click.option(
    "--graphql-ws/--no-graphql-ws",
    "wants_graphql_ws",
    default=True,
    show_default=True,
    help="Measure npm's graphql-ws too, if npm is there to install it.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps the packages of npm for the next run.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the report.")
@click.option("--postgres-bin", default="", help="Programs of another PostgreSQL.")
def main(
    subscribers: int,
    idle: int,
    close_by: int,
    rounds: int,
    processes: int,
    wants_graphql_ws: bool,
    state: Path | None,
    out: Path | None,
    postgres_bin: str,
) -> None:
    """Measure what the gateway's subscribers cost beside a bare broadcast, and how soon they know.

    Every subscriber has a socket of its own, and has to get each event once and in order, also if
    it stalls for a while. The servers take turns, and a ratio is to the turn of the other in the
    same round. The first table has what releases have to reach.
    """
    if not Path("/proc/self/stat").exists():
        raise click.ClickException("this needs /proc, which only Linux has")
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-")))
        folder = (state or temporary) / "graphql-ws"
        missing = packages.install(folder) if wants_graphql_ws else "not asked for"
        database = stack.enter_context(open_state(temporary / "state"))
        postgres = stack.enter_context(open_postgres(database, postgres_bin=postgres_bin))
        sizes = Sizes(subscribers, idle, close_by, rounds, processes)
        asyncio.run(migrate.up(postgres.url))
        measured = asyncio.run(
            run(postgres.url, temporary, sizes, Load(), graphql_ws=None if missing else folder)
        )
    text = f"{_conditions(sizes, missing)}\n{report.tables(measured)}"
    click.echo(text)
    if out is not None:
        out.write_text(text + "\n")


async def run(
    url: str,
    temporary: Path,
    sizes: Sizes,
    load: Load,
    *,
    graphql_ws: Path | None,
) -> Measured:
    """Measure everything.

    Args:
        url: Of a migrated database without buckets.
        temporary: For what servers keep.
        graphql_ws: Where the packages of npm are; None: it is left out.
    """
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(open_gateway(url, temporary))
        servers: list[Server] = [stack.enter_context(open_raw(temporary)), gateway]
        if graphql_ws is not None:
            servers.append(stack.enter_context(open_graphql_ws(temporary, graphql_ws)))
        crowds = await stack.enter_async_context(open_crowds(sizes.processes))
        _say("idle subscribers")
        idle_kb = {
            each.name: await measure.idle_kb(each, crowds, subscribers=sizes.idle)
            for each in servers
        }
        _say("fan-out")
        fanout = await measure.fanout(
            servers, crowds, load, subscribers=sizes.subscribers, rounds=sizes.rounds
        )
        _say("latency")
        latencies = await measure.latencies(
            gateway, crowds, load, subscribers=sizes.close_by, rounds=sizes.rounds
        )
    return Measured(fanout, idle_kb, latencies)


def _conditions(sizes: Sizes, missing: str | None) -> str:
    """Return what has to be known of a run to compare it with another."""
    load, *_ = os.getloadavg()
    node = f"graphql-ws: {missing or ', '.join(packages.PACKAGES)}."
    return (
        f"{sizes.subscribers} subscribers, {sizes.idle} idle, {sizes.close_by} for latency,"
        f" {sizes.rounds} rounds, {os.cpu_count()} cores, load {load:.1f} in the end. {node}"
    )


def _say(what: str) -> None:
    click.echo(f"{what} …", err=True)

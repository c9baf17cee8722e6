"""``python -m bench reads``."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import click

from bench.reads import check, contenders, measure, report
from bench.reads.contenders import Contender
from bench.reads.dataset import NAMESPACE, Urls, open_copy
from bench.reads.explain import explained
from bench.reads.measure import Results
from bench.reads.workloads import WORKLOADS
from gateway.database.embedded.server import EmbeddedPostgres, open_postgres
from gateway.database.pool import open_database
from gateway.database.state import StateFolder, open_state
from gateway.namespaces.first_key import ensure_default


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line decides."""

    names: Sequence[str]
    scale: int
    rounds: int
    seconds: float
    connections: int
    explain: bool


def _names(_: click.Context, __: click.Parameter, text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in WORKLOADS]:
        known = ", ".join(WORKLOADS)
        raise click.BadParameter(f"no {', '.join(unknown)}; there is {known}")
    return names


@click.command(short_help="How near the gateway comes to handlers with SQL by hand.")
@click.option("--workloads", default=",".join(WORKLOADS), show_default=True, callback=_names)
@click.option("--scale", default=1, show_default=True, help="Times 20,000 objects.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each contender.")
@click.option("--seconds", default=3.0, show_default=True, help="Length of one turn.")
@click.option("--connections", default=16, show_default=True, help="Clients at once.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps the dataset for the next run.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the report.")
@click.option("--explain", is_flag=True, help="Show how PostgreSQL runs the reads; time nothing.")
@click.option("--postgres-bin", default="", help="Programs of another PostgreSQL.")
def main(
    workloads: list[str],
    scale: int,
    rounds: int,
    seconds: float,
    connections: int,
    state: Path | None,
    out: Path | None,
    explain: bool,
    postgres_bin: str,
) -> None:
    """Measure how near the gateway comes to handlers with SQL by hand.

    Both give equal answers, or nothing is timed. They take turns, and a ratio is to the turn of the
    other in the same round.
    """
    if not Path("/proc/self/stat").exists():
        raise click.ClickException("this needs /proc, which only Linux has")
    options = Options(workloads, scale, rounds, seconds, connections, explain)
    with ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-"))
        folder = stack.enter_context(open_state(state or Path(temporary) / "state"))
        postgres = stack.enter_context(open_postgres(folder, postgres_bin=postgres_bin))
        text = asyncio.run(_run(postgres, folder, Path(temporary), options))
    click.echo(text)
    if out is not None:
        out.write_text(text + "\n")


async def _run(
    postgres: EmbeddedPostgres, folder: StateFolder, temporary: Path, options: Options
) -> str:
    async with open_copy(postgres, scale=options.scale) as urls:
        if options.explain:
            shown = [each async for each in explained(urls, options.names, temporary)]
            return "\n".join(shown)
        async with open_database(urls.owner, size=1) as database:
            first = await ensure_default(database, folder.path / "bench-key")
        headers = {"Authorization": f"Bearer {first.secret}", "X-Namespace": NAMESPACE}
        with (
            contenders.open_limit(urls.superuser, temporary, headers) as limit,
            contenders.open_gateway(urls.owner, temporary, headers) as gateway,
        ):
            pid = _server_pid(folder)
            results = {
                name: await _measure(name, [limit, gateway], urls, pid, options)
                for name in options.names
            }
    return f"{_conditions(options)}\n{report.tables(results)}"


async def _measure(
    name: str, contenders: Sequence[Contender], urls: Urls, postgres_pid: int, options: Options
) -> Results:
    workload = WORKLOADS[name]
    connection = await asyncpg.connect(urls.superuser)
    try:
        variables = {
            each: await workload.variables(connection, turn=turn)
            for turn, each in enumerate(contenders)
        }
        requests = check.equal_answers(workload, variables)
        await connection.execute("CHECKPOINT")
        results = measure.take_turns(
            requests,
            postgres_pid=postgres_pid,
            connections=options.connections,
            rounds=options.rounds,
            seconds=options.seconds,
        )
        check.equal_answers(workload, variables)
        if workload.ids is None:
            await check.equal_rows(
                connection,
                {
                    sent[0]["input"]["bucketId"]: results.answers[each.name] + 2 * len(sent)
                    for each, sent in variables.items()
                },
            )
        return results
    finally:
        await connection.close()


def _server_pid(folder: StateFolder) -> int:
    (path,) = folder.path.glob("pg*/postmaster.pid")
    return int(path.read_text().split()[0])


def _conditions(options: Options) -> str:
    """Return what has to be known of a run to compare it with another."""
    load, *_ = os.getloadavg()
    return (
        f"Scale {options.scale}, {options.connections} connections, {options.rounds} rounds of"
        f" {options.seconds:g} s, {os.cpu_count()} cores, load {load:.1f} in the end."
    )

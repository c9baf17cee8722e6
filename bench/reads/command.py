"""``python -m bench reads``."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from bench.reads import report, run
from bench.reads.dataset import open_copy
from bench.reads.explain import explained
from bench.reads.measure import Timing
from bench.reads.postgraphile import packages
from bench.reads.postgraphile.packages import Absent, Packages
from bench.reads.workloads import WORKLOADS
from gateway.database.embedded.server import EmbeddedPostgres, open_postgres
from gateway.database.state import open_state

_MEASURED = [*WORKLOADS, run.PAGES, run.GROWTH]


def _names(_: click.Context, __: click.Parameter, text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in _MEASURED]:
        known = ", ".join(_MEASURED)
        raise click.BadParameter(f"no {', '.join(unknown)}; there is {known}")
    return names


@click.command(short_help="How near the gateway comes to handlers with SQL by hand.")
@click.option("--workloads", default=",".join(_MEASURED), show_default=True, callback=_names)
@click.option("--scale", default=1, show_default=True, help="Times 20,000 objects.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each contender.")
@click.option("--seconds", default=3.0, show_default=True, help="Length of one turn.")
@click.option("--connections", default=16, show_default=True, help="Clients at once.")
@click.option(
    "--postgraphile/--no-postgraphile",
    default=True,
    show_default=True,
    help="Measure PostGraphile too, if npm is there to install it.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps the datasets and PostGraphile for the next run.",
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
    postgraphile: bool,
    state: Path | None,
    out: Path | None,
    explain: bool,
    postgres_bin: str,
) -> None:
    """Measure how near the gateway comes to handlers with SQL by hand, and how far PostGraphile is.

    All give equal answers, or nothing is timed. They take turns, and a ratio is to the turn of the
    other in the same round. The first table has what releases have to reach.
    """
    if not Path("/proc/self/stat").exists():
        raise click.ClickException("this needs /proc, which only Linux has")
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-")))
        folder = stack.enter_context(open_state(state or temporary / "state"))
        postgres = stack.enter_context(open_postgres(folder, postgres_bin=postgres_bin))
        if explain:
            reads = [name for name in workloads if name in WORKLOADS]
            text = asyncio.run(_explain(postgres, temporary, reads, scale))
        else:
            found = (
                packages.install(folder.path / "postgraphile")
                if postgraphile
                else Absent("as it was not asked for")
            )
            click.echo(f"PostGraphile: {found}", err=True)
            timing = Timing(connections, rounds, seconds)
            bench = run.Bench(postgres, folder, temporary, timing, scale, found)
            measured = asyncio.run(bench.measure(workloads))
            text = f"{_conditions(scale, timing, found)}\n{report.tables(measured)}"
    click.echo(text)
    if out is not None:
        out.write_text(text + "\n")


async def _explain(
    postgres: EmbeddedPostgres, temporary: Path, names: Sequence[str], scale: int
) -> str:
    async with open_copy(postgres, scale=scale) as urls:
        return "\n".join([each async for each in explained(urls, names, temporary)])


def _conditions(scale: int, timing: Timing, found: Packages | Absent) -> str:
    """Return what has to be known of a run to compare it with another."""
    load, *_ = os.getloadavg()
    return (
        f"Scale {scale}, {timing.connections} connections, {timing.rounds} rounds of"
        f" {timing.seconds:g} s, {os.cpu_count()} cores, load {load:.1f} in the end."
        f" PostGraphile {packages.POSTGRAPHILE}: {found}."
    )

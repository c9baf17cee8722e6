"""The results as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median

from bench.reads import aims, growth, pages
from bench.reads.aims import Aim, Measured
from bench.reads.measure import Ratio, Results
from bench.reads.workloads import WORKLOADS

_AIMS = """
| what | aim | measured | |
|---|--:|--:|:-:|"""
_RATIOS = """
| workload | gateway beside | requests/s | CPU | with PostgreSQL's |
|---|---|--:|--:|--:|"""
_FIGURES = """
| workload | contender | CPU us a request | PostgreSQL's | requests/s | p50 ms | p99 ms | RSS MB |
|---|---|--:|--:|--:|--:|--:|--:|"""
_COSTS = """
| {what} | time | CPU of the gateway | of PostgreSQL | of both |
|---|--:|--:|--:|--:|"""
_MARKS = {True: "✓", False: "✗", None: ""}


def tables(measured: Measured) -> str:
    """Return the report; of what was measured in several rounds the median, (least..most)."""
    lines = [_AIMS, *map(_aim, aims.aims(measured))]
    if measured.workloads:
        lines += [_RATIOS, *_ratios(measured.workloads), _FIGURES, *_figures(measured.workloads)]
    if measured.pages:
        what = f"{pages.LATE} / {pages.FIRST}"
        lines += [_COSTS.format(what=what), *_costs(measured.pages, pages.LATE, pages.FIRST)]
    if measured.growth:
        what = f"{growth.FACTOR} times the data / as it is"
        lines += [_COSTS.format(what=what), *_costs(measured.growth, growth.LARGE, growth.SMALL)]
    return "\n".join(lines)


def _aim(aim: Aim) -> str:
    bound = f"{'≥' if aim.is_least else '≤'} {aim.bound:g}"
    shown = "not measured" if aim.measured is None else _shown(aim.measured)
    return f"| {aim.title} | {bound} | {shown} | {_MARKS[aim.is_reached]} |"


def _shown(measured: Ratio | float) -> str:
    return str(measured) if isinstance(measured, Ratio) else f"{measured:.3g}"


def _ratios(results: Mapping[str, Results]) -> Iterator[str]:
    """Yield how the gateway compares to each other in the same round; above 1 it is better."""
    for name, result in results.items():
        for other in result.runs:
            if other == "gateway":
                continue
            speed = result.ratio(lambda run: run.per_second, "gateway", other)
            own = result.ratio(lambda run: run.cpu_us, other, "gateway")
            both = result.ratio(lambda run: run.total_cpu_us, other, "gateway")
            title = f"{name}: {WORKLOADS[name].title}"
            yield f"| {title} | {other} | {speed} | {own} | {both} |"


def _figures(results: Mapping[str, Results]) -> Iterator[str]:
    for name, result in results.items():
        for contender, runs in result.runs.items():
            cells = [
                f"{median(run.cpu_us for run in runs):,.0f}",
                f"{median(run.database_cpu_us for run in runs):,.0f}",
                f"{median(run.per_second for run in runs):,.0f}",
                f"{median(run.load.p50_ms for run in runs):.1f}",
                f"{median(run.load.p99_ms for run in runs):.1f}",
                f"{max(run.memory_mb for run in runs):.0f}",
            ]
            yield f"| {name} | {contender} | {' | '.join(cells)} |"


def _costs(results: Mapping[str, Results], of: str, to: str) -> Iterator[str]:
    """Yield how much more one side takes than the other; below 1 it takes less."""
    for name, result in results.items():
        ratios = [
            result.ratio(lambda run: 1 / run.per_second, of, to),
            result.ratio(lambda run: run.cpu_us, of, to),
            result.ratio(lambda run: run.database_cpu_us, of, to),
            result.ratio(lambda run: run.total_cpu_us, of, to),
        ]
        yield f"| {name} | {' | '.join(map(str, ratios))} |"

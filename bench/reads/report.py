"""The results as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from statistics import median

from bench.reads.measure import Results, Run
from bench.reads.workloads import WORKLOADS

_RATIOS = """
| workload | requests/s, gateway / limit | CPU, limit / gateway | with PostgreSQL's |
|---|---|---|---|"""
_FIGURES = """
| workload | contender | CPU us a request | PostgreSQL's | requests/s | p50 ms | p99 ms | RSS MB |
|---|---|--:|--:|--:|--:|--:|--:|"""


def tables(results: Mapping[str, Results]) -> str:
    """Return the report; of what was measured in several rounds the median, (least..most)."""
    return "\n".join([_RATIOS, *_ratios(results), _FIGURES, *_figures(results)])


def _ratios(results: Mapping[str, Results]) -> Iterator[str]:
    for name, result in results.items():
        speed, own, both = (
            _ratio(result, figure)
            for figure in (
                lambda run: run.per_second,
                lambda run: 1 / run.cpu_us,
                lambda run: 1 / (run.cpu_us + run.database_cpu_us),
            )
        )
        yield f"| {name}: {WORKLOADS[name].title} | {speed} | {own} | {both} |"


def _ratio(result: Results, figure: Callable[[Run], float]) -> str:
    """Return how the gateway compares to the limit in the same round; above 1 it is better."""
    pairs = zip(result.runs["gateway"], result.runs["limit"], strict=True)
    ratios = [figure(gateway) / figure(limit) for gateway, limit in pairs]
    return f"{median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"


def _figures(results: Mapping[str, Results]) -> Iterator[str]:
    for name, result in results.items():
        for contender, runs in result.runs.items():
            cells = [
                f"{median(run.cpu_us for run in runs):,.0f}",
                f"{median(run.database_cpu_us for run in runs):,.0f}",
                f"{median(run.per_second for run in runs):,.0f}",
                f"{median(run.load.p50_ms for run in runs):.1f}",
                f"{median(run.load.p99_ms for run in runs):.1f}",
                f"{runs[-1].memory_mb:.0f}",
            ]
            yield f"| {name} | {contender} | {' | '.join(cells)} |"

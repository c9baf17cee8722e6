"""What events have to reach (issue 5), beside what was measured, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from bench.fanout.measure import BESIDE, CALM, DENSE, STALLED, Fanout, Latency, ratio
from bench.reads.aims import Aim
from bench.reads.measure import Ratio

_AIMS = """
| what | aim | measured | |
|---|--:|--:|:-:|"""
_FANOUT = """
| server | CPU us a message, one by one | in the kernel | in bursts | ms to open | idle KB |
|---|--:|--:|--:|--:|--:|"""
_LATENCY = """
| commit to client | p50 ms | p99 ms |
|---|--:|--:|"""
_MARKS = {True: "✓", False: "✗", None: ""}


@dataclass(frozen=True, slots=True)
class Measured:
    """All that one call measured."""

    fanout: Fanout
    idle_kb: Mapping[str, float]
    latencies: Mapping[str, list[Latency]]


def tables(measured: Measured) -> str:
    """Return the report; of what was measured in several rounds the median, (least..most)."""
    lines = [_AIMS, *map(_aim, aims(measured)), _FANOUT, *_servers(measured)]
    lines += [_LATENCY, *_latencies(measured.latencies)]
    return "\n".join(lines)


def aims(measured: Measured) -> Iterator[Aim]:
    """Yield the aims in the order of the issue."""
    single, _, bursts, opening = measured.fanout
    yield Aim("CPU a message, gateway / raw", 1.5, ratio(single, "gateway", "raw"))
    yield Aim("CPU a message in bursts, gateway / raw", 1, ratio(bursts, "gateway", "raw"))
    beside_node = "CPU a message, gateway / graphql-ws", "the same in bursts"
    for title, figures in zip(beside_node, (single, bursts), strict=True):
        yield Aim(title, 0.2, ratio(figures, "gateway", "graphql-ws"))
    yield Aim("RSS for each idle subscriber, KB", 20, measured.idle_kb["gateway"])
    yield Aim("CPU to open and subscribe, ms", 0.5, _ratio(opening["gateway"]))
    p50 = {name: [each.p50_ms for each in runs] for name, runs in measured.latencies.items()}
    p99 = {name: [each.p99_ms for each in runs] for name, runs in measured.latencies.items()}
    yield Aim(f"commit to client, {CALM}, p50 ms", 10, _ratio(p50[CALM]))
    yield Aim(f"commit to client, {CALM}, p99 ms", 30, _ratio(p99[CALM]))
    yield Aim(f"p99, {STALLED} / none", 2, ratio(p99, STALLED, DENSE))
    yield Aim(f"p99, {BESIDE} / without", 1.2, ratio(p99, BESIDE, CALM))


def _ratio(values: list[float]) -> Ratio:
    return Ratio(median(values), min(values), max(values))


def _aim(aim: Aim) -> str:
    shown = "not measured" if aim.measured is None else _shown(aim.measured)
    return f"| {aim.title} | ≤ {aim.bound:g} | {shown} | {_MARKS[aim.is_reached]} |"


def _shown(measured: Ratio | float) -> str:
    return str(measured) if isinstance(measured, Ratio) else f"{measured:.3g}"


def _servers(measured: Measured) -> Iterator[str]:
    for name, idle_kb in measured.idle_kb.items():
        runs = [str(_ratio(figures[name])) for figures in measured.fanout]
        yield f"| {name} | {' | '.join(runs)} | {idle_kb:.1f} |"


def _latencies(latencies: Mapping[str, list[Latency]]) -> Iterator[str]:
    for name, runs in latencies.items():
        p50, p99 = (_ratio([run[place] for run in runs]) for place in (0, 1))
        yield f"| {name} | {p50} | {p99} |"

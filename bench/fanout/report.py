"""What events have to reach (issue 5), beside what was measured, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from bench.fanout.measure import BESIDE, CALM, DENSE, STALLED, Fanout, Latency, Opening, ratio
from bench.reads.aims import Aim
from bench.reads.measure import Ratio

_AIMS = """
| what | aim | measured | |
|---|--:|--:|:-:|"""
_FANOUT = """
| server | CPU us a message, one event at a time | in bursts |
|---|--:|--:|"""
_OPENING = """
| server | CPU ms to open and subscribe | KB for each idle subscriber |
|---|--:|--:|"""
_LATENCY = """
| commit to client | p50 ms | p99 ms |
|---|--:|--:|"""
_MARKS = {True: "✓", False: "✗", None: ""}


@dataclass(frozen=True, slots=True)
class Measured:
    """All that one call measured."""

    fanout: Fanout
    openings: Mapping[str, Opening]
    latencies: Mapping[str, list[Latency]]


def tables(measured: Measured) -> str:
    """Return the report; of what was measured in several rounds the median, (least..most)."""
    lines = [_AIMS, *map(_aim, aims(measured)), _FANOUT, *_fanout(measured.fanout)]
    lines += [_OPENING, *_openings(measured.openings), _LATENCY, *_latencies(measured.latencies)]
    return "\n".join(lines)


def aims(measured: Measured) -> Iterator[Aim]:
    """Yield the aims in the order of the issue."""
    single, bursts = measured.fanout
    yield Aim("CPU a message, gateway / raw", 1.5, ratio(single, "gateway", "raw"))
    yield Aim("CPU a message in bursts, gateway / raw", 1, ratio(bursts, "gateway", "raw"))
    beside_node = "CPU a message, gateway / graphql-ws", "the same in bursts"
    for title, figures in zip(beside_node, measured.fanout, strict=True):
        yield Aim(title, 0.2, ratio(figures, "gateway", "graphql-ws"))
    own = measured.openings["gateway"]
    yield Aim("RSS for each idle subscriber, KB", 20, own.memory_kb)
    yield Aim("CPU to open and subscribe, ms", 0.5, own.cpu_ms)
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


def _fanout(fanout: Fanout) -> Iterator[str]:
    for name, single in fanout.single.items():
        yield f"| {name} | {_ratio(single)} | {_ratio(fanout.bursts[name])} |"


def _openings(openings: Mapping[str, Opening]) -> Iterator[str]:
    for name, each in openings.items():
        yield f"| {name} | {each.cpu_ms:.2f} | {each.memory_kb:.1f} |"


def _latencies(latencies: Mapping[str, list[Latency]]) -> Iterator[str]:
    for name, runs in latencies.items():
        p50, p99 = (_ratio([run[place] for run in runs]) for place in (0, 1))
        yield f"| {name} | {p50} | {p99} |"

"""Rounds of load, in which several sides take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from statistics import median
from typing import NamedTuple

from bench.reads import cpu, load
from bench.reads.load import Load, Request


class Side(NamedTuple):
    """A server under a kind of load."""

    port: int
    pid: int
    warm_up_s: float
    requests: Sequence[Request]


class Run(NamedTuple):
    """One side under load for a while; CPU time in microseconds per request."""

    load: Load
    cpu_us: float
    database_cpu_us: float
    memory_mb: float  # in the end

    @property
    def per_second(self) -> float:
        """How many requests were answered in a second."""
        return self.load.answers / self.load.elapsed_s

    @property
    def total_cpu_us(self) -> float:
        """With PostgreSQL's."""
        return self.cpu_us + self.database_cpu_us


class Results(NamedTuple):
    """What came of one workload: the runs of each side, by round."""

    runs: dict[str, list[Run]]
    answers: dict[str, int]  # of all runs and of what came before them

    def ratio(self, figure: Callable[[Run], float], of: str, to: str) -> Ratio | None:
        """Return how a figure of one side compares to another's; None if one was not there."""
        if of not in self.runs or to not in self.runs:
            return None
        pairs = zip(self.runs[of], self.runs[to], strict=True)
        values = [figure(mine) / figure(other) for mine, other in pairs]
        return Ratio(median(values), min(values), max(values))


class Ratio(NamedTuple):
    """A comparison, of each round by itself."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        """Return it as it stands in a table."""
        return f"{self.median:.2f} ({self.least:.2f}..{self.most:.2f})"


class Timing(NamedTuple):
    """How long and by how many is measured."""

    connections: int
    rounds: int
    seconds: float


def take_turns(sides: Mapping[str, Side], timing: Timing, *, postgres_pid: int) -> Results:
    """Put each side under load in each round; what comes first in one comes last in the next."""
    # Each run goes on where the last one ended: from the start cold texts would be no longer cold.
    upcoming = {name: cycle(side.requests) for name, side in sides.items()}
    answers = {
        name: load.run(
            side.port, upcoming[name], connections=timing.connections, seconds=side.warm_up_s
        ).answers
        for name, side in sides.items()
    }
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    order = list(sides)
    for _ in range(timing.rounds):
        for name in order:
            run = _run(sides[name], upcoming[name], timing, postgres_pid)
            runs[name].append(run)
            answers[name] += run.load.answers
        order.reverse()
    return Results(runs, answers)


def _run(side: Side, requests: Iterator[Request], timing: Timing, postgres_pid: int) -> Run:
    before = cpu.of_process(side.pid), cpu.of_family(postgres_pid)
    done = load.run(side.port, requests, connections=timing.connections, seconds=timing.seconds)
    after = cpu.of_process(side.pid), cpu.of_family(postgres_pid)
    own, database = (
        (end - start) / done.answers * 1e6 for start, end in zip(before, after, strict=True)
    )
    return Run(done, own, database, cpu.resident_mb(side.pid))

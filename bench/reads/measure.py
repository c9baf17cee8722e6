"""Rounds of load, in which the contenders take turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.reads import cpu, load
from bench.reads.contenders import Contender
from bench.reads.load import Load, Request

WARM_UP_S = 2.0


class Run(NamedTuple):
    """One contender under load for a while; CPU time in microseconds per request."""

    load: Load
    cpu_us: float
    database_cpu_us: float
    memory_mb: float  # in the end

    @property
    def per_second(self) -> float:
        """How many requests were answered in a second."""
        return self.load.answers / self.load.elapsed_s


class Results(NamedTuple):
    """What came of one workload: the runs of each contender, by round."""

    runs: dict[str, list[Run]]
    answers: dict[str, int]  # of all runs and of what came before them


def take_turns(
    requests: Mapping[Contender, Sequence[Request]],
    *,
    postgres_pid: int,
    connections: int,
    rounds: int,
    seconds: float,
) -> Results:
    """Put each contender under load in each round; what comes first in one comes last in the next.

    They are warmed up before: statements are prepared and the pools full.
    """
    answers = {
        each.name: load.run(each.port, asked, connections=connections, seconds=WARM_UP_S).answers
        for each, asked in requests.items()
    }
    runs: dict[str, list[Run]] = {each.name: [] for each in requests}
    order = list(requests)
    for _ in range(rounds):
        for contender in order:
            before = cpu.of_process(contender.pid), cpu.of_family(postgres_pid)
            done = load.run(
                contender.port, requests[contender], connections=connections, seconds=seconds
            )
            after = cpu.of_process(contender.pid), cpu.of_family(postgres_pid)
            own, database = (
                (end - start) / done.answers * 1e6 for start, end in zip(before, after, strict=True)
            )
            memory_mb = cpu.resident_mb(contender.pid)
            runs[contender.name].append(Run(done, own, database, memory_mb))
            answers[contender.name] += done.answers
        order.reverse()
    return Results(runs, answers)

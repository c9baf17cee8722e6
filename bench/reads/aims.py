"""What the read engine has to reach (issue 3), beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from bench.reads import growth, pages
from bench.reads.measure import Ratio, Results, Run

SPEED_TO_LIMIT = {"W1": 0.85, "W2": 1.05, "W3": 1.0, "W4": 0.85, "W5": 0.80}
SPEED_TO_POSTGRAPHILE = {"W1": 1.4, "W2": 3.0, "W3": 3.0, "W4": 2.2, "W5": 2.0}
CPU_OF_POSTGRAPHILE = {"W1": 1.7, "W2": 7.0, "W3": 7.0, "W4": 2.7, "W5": 1.6}
# By a function of its user's, where it writes, and by its own mutations: the bound is for either.
FORMS_OF_POSTGRAPHILE = {
    "W5": {"postgraphile": "PostGraphile", "postgraphile-own": "PostGraphile's own mutations"}
}
_ONLY_FORM = {"postgraphile": "PostGraphile"}
GROWTH = {"W1": 1.2, "W2": 1.2, "W3": 1.2, "W4": 1.2}
# "Costs what page 1 costs", with the tolerance that growth has.
LATE_PAGE = dict.fromkeys(pages.PAGES, 1.2)
MEMORY_MB = 120.0
COLD, COLD_CPU_MS = "W3-cold", 3.0


@dataclass(frozen=True, slots=True)
class Measured:
    """All that one call measured; what was left out is empty."""

    workloads: Mapping[str, Results] = field(default_factory=dict)
    pages: Mapping[str, Results] = field(default_factory=dict)
    growth: Mapping[str, Results] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Aim:
    """One figure with its bound.

    Args:
        measured: None: it was left out.
        is_least: Whether the bound is the least that the figure may be; else it is the most.
    """

    title: str
    bound: float
    measured: Ratio | float | None
    is_least: bool = False

    @property
    def is_reached(self) -> bool | None:
        """Whether the figure, of a ratio its median, keeps to the bound; None: it was left out."""
        if self.measured is None:
            return None
        figure = self.measured.median if isinstance(self.measured, Ratio) else self.measured
        return figure >= self.bound if self.is_least else figure <= self.bound


def aims(measured: Measured) -> Iterator[Aim]:
    """Yield the aims in the order of the issue."""
    for name, bound in SPEED_TO_LIMIT.items():
        ratio = _ratio(measured.workloads, name, _speed, "gateway", "limit")
        yield Aim(f"{name}: requests/s, gateway / limit", bound, ratio, is_least=True)
    for name, bound in SPEED_TO_POSTGRAPHILE.items():
        for other, called in FORMS_OF_POSTGRAPHILE.get(name, _ONLY_FORM).items():
            ratio = _ratio(measured.workloads, name, _speed, "gateway", other)
            yield Aim(f"{name}: requests/s, gateway / {called}", bound, ratio, is_least=True)
    for name, bound in CPU_OF_POSTGRAPHILE.items():
        for other, called in FORMS_OF_POSTGRAPHILE.get(name, _ONLY_FORM).items():
            ratio = _ratio(measured.workloads, name, _cpu, other, "gateway")
            yield Aim(f"{name}: CPU a request, {called} / gateway", bound, ratio, is_least=True)
    for name, bound in LATE_PAGE.items():
        ratio = _ratio(measured.pages, name, _time, pages.LATE, pages.FIRST)
        yield Aim(f"{name}: time, {pages.LATE} / {pages.FIRST}", bound, ratio)
    for name, bound in GROWTH.items():
        ratio = _ratio(measured.growth, name, _time, growth.LARGE, growth.SMALL)
        yield Aim(f"{name}: time, {growth.FACTOR} times the data / as it is", bound, ratio)
    runs = {name: result.runs["gateway"] for name, result in measured.workloads.items()}
    memory_mb = [run.memory_mb for each in runs.values() for run in each]
    yield Aim("RSS of the gateway under load, MB", MEMORY_MB, max(memory_mb, default=None))
    cold_ms = [run.cpu_us / 1000 for run in runs.get(COLD, [])]
    yield Aim(f"{COLD}: CPU a request, ms", COLD_CPU_MS, median(cold_ms) if cold_ms else None)


def _speed(run: Run) -> float:
    return run.per_second


def _time(run: Run) -> float:
    return 1 / run.per_second


def _cpu(run: Run) -> float:
    return run.cpu_us


def _ratio(
    results: Mapping[str, Results], name: str, figure: Callable[[Run], float], of: str, to: str
) -> Ratio | None:
    return results[name].ratio(figure, of, to) if name in results else None

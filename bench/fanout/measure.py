"""What is measured of servers, in rounds in which they take turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from statistics import median, quantiles
from typing import NamedTuple

from bench.fanout.crowds import Crowds
from bench.fanout.servers import Events, Gateway, Server
from bench.reads import cpu
from bench.reads.measure import Ratio

STALLED_SHARE = 0.3
CALM, BESIDE, DENSE, STALLED = (
    "40 events/s",
    "beside a write transaction",
    "200 events/s",
    "30 % stalled",
)
# Opened and closed again before anything is measured, so that what is made once has been made.
_FIRST = 50
SETTLE_S = 1.0


class Load(NamedTuple):
    """Which events are told in one turn.

    Args:
        single: One in a wake-up of the server: none while the one before is under way.
        calm: As many in a second as engines tell of one by one.
        dense: So many that who stalls is soon slow.
    """

    single: Events = Events(100, 1, 0.04)
    bursts: Events = Events(300, 30, 0.3)
    calm: Events = Events(400, 1, 0.025)
    dense: Events = Events(2000, 5, 0.025)


class Fanout(NamedTuple):
    """CPU time of servers, by round: in microseconds for each message.

    Args:
        kernel: What the kernel took of ``single``: to write to a socket is most of it.
        opening: In milliseconds for each who connects and subscribes.
    """

    single: Mapping[str, list[float]]
    kernel: Mapping[str, list[float]]
    bursts: Mapping[str, list[float]]
    opening: Mapping[str, list[float]]


class Latency(NamedTuple):
    """From commits to clients."""

    p50_ms: float
    p99_ms: float


async def idle_kb(server: Server, crowds: Crowds, *, subscribers: int) -> float:
    """Return what each occupies who subscribes on a socket of its own, and hears nothing."""
    async with followed(server, crowds, _FIRST):
        pass
    before_mb = cpu.resident_mb(server.pid)
    async with followed(server, crowds, subscribers):
        return (cpu.resident_mb(server.pid) - before_mb) / subscribers * 1e3


async def fanout(
    servers: Sequence[Server], crowds: Crowds, load: Load, *, subscribers: int, rounds: int
) -> Fanout:
    """Have each tell its subscribers of events, one by one and in bursts."""
    names = [each.name for each in servers]
    found = Fanout(*({name: [] for name in names} for _ in Fanout._fields))
    order = list(servers)
    for _ in range(rounds):
        for server in order:
            before_s = cpu.of_process(server.pid)
            async with followed(server, crowds, subscribers):
                spent_s = cpu.of_process(server.pid) - before_s
                found.opening[server.name].append(spent_s / subscribers * 1e3)
                single = await _cpu(server, crowds, load.single)
                found.single[server.name].append(single.us)
                found.kernel[server.name].append(single.kernel_us)
                bursts = await _cpu(server, crowds, load.bursts)
                found.bursts[server.name].append(bursts.us)
        order.reverse()
    return found


class _Cpu(NamedTuple):
    """CPU time of a message, and how much of it the kernel took."""

    us: float
    kernel_us: float


async def _cpu(server: Server, crowds: Crowds, events: Events) -> _Cpu:
    await crowds.begin()
    before_s = cpu.of_process(server.pid), cpu.in_kernel(server.pid)
    await server.tell(events)
    await crowds.finish(events.total, {})
    after_s = cpu.of_process(server.pid), cpu.in_kernel(server.pid)
    messages = events.total * crowds.size
    return _Cpu(
        *(
            (after - before) / messages * 1e6
            for before, after in zip(before_s, after_s, strict=True)
        )
    )


async def latencies(
    gateway: Gateway, crowds: Crowds, load: Load, *, subscribers: int, rounds: int
) -> dict[str, list[Latency]]:
    """Return, by round, what it takes from commits to clients, and beside what may hold it up."""
    found: dict[str, list[Latency]] = {name: [] for name in (CALM, BESIDE, DENSE, STALLED)}
    async with followed(gateway, crowds, subscribers):
        await _tell(gateway, crowds, load.calm)
        for _ in range(rounds):
            found[CALM].append(await _tell(gateway, crowds, load.calm))
            async with gateway.long_transaction():
                found[BESIDE].append(await _tell(gateway, crowds, load.calm))
            found[DENSE].append(await _tell(gateway, crowds, load.dense))
            found[STALLED].append(await _tell(gateway, crowds, load.dense, STALLED_SHARE))
    return found


async def _tell(gateway: Gateway, crowds: Crowds, events: Events, stalled: float = 0.0) -> Latency:
    """Tell of events; whoever stalls gets them afterwards, and is not counted."""
    await crowds.begin()
    await crowds.stall(stalled)
    committed_at = await gateway.tell(events)
    await crowds.wait(events.total)
    await crowds.go_on()
    return _latency(await crowds.finish(events.total, committed_at))


def _latency(latencies_s: Sequence[float]) -> Latency:
    cuts = quantiles(latencies_s, n=100)
    return Latency(cuts[49] * 1e3, cuts[98] * 1e3)


def ratio(figures: Mapping[str, Sequence[float]], of: str, to: str) -> Ratio | None:
    """Return how one compares to another, round by round; None if one was not there."""
    if of not in figures or to not in figures:
        return None
    values = [mine / other for mine, other in zip(figures[of], figures[to], strict=True)]
    return Ratio(median(values), min(values), max(values))


@asynccontextmanager
async def followed(server: Server, crowds: Crowds, subscribers: int) -> AsyncIterator[None]:
    """Have subscribers follow a server for the length of the block, and its CPU time settle."""
    await crowds.open(server.target, subscribers)
    await asyncio.sleep(SETTLE_S)
    try:
        yield
    finally:
        await crowds.close()
        await asyncio.sleep(SETTLE_S)

"""That what ``python -m bench fanout`` counts was told to everybody; nothing is timed here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bench.fanout import command, measure, report
from bench.fanout.command import Sizes
from bench.fanout.crowds import Crowds, open_crowds
from bench.fanout.measure import BESIDE, CALM, DENSE, STALLED, Fanout, Latency, Load
from bench.fanout.report import Measured
from bench.fanout.servers import Events, Server, open_raw
from bench.fanout.subscribers import WrongMessages
from tests.conftest import Server as Postgres

FEW = Load(Events(3, 1, 0), Events(6, 3, 0), Events(4, 1, 0), Events(10, 5, 0))


@pytest.fixture
async def url(server: Postgres, migrated_template: str) -> AsyncIterator[str]:
    name = await server.create(template=migrated_template)
    yield server.url(name)
    await server.drop(name)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with open_raw(tmp_path_factory.mktemp("raw")) as raw:
        yield raw


@pytest.fixture
async def crowds(raw: Server) -> AsyncIterator[Crowds]:
    async with open_crowds(2) as crowds:
        await crowds.open(raw.target, 4)
        yield crowds


async def test_measures_everything(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "SETTLE_S", 0)
    sizes = Sizes(subscribers=5, idle=3, close_by=4, rounds=1, processes=2)

    measured = await command.run(url, tmp_path, sizes, FEW, graphql_ws=None)

    assert set(measured.idle_kb) == {"raw", "gateway"}
    assert all(set(figures) == set(measured.idle_kb) for figures in measured.fanout)
    assert all(len(runs) == 1 for runs in measured.latencies.values())
    assert all(run.p99_ms > 0 for runs in measured.latencies.values() for run in runs)


async def test_a_crowd_gets_each_event_once(raw: Server, crowds: Crowds) -> None:
    for total in (2, 5):
        await crowds.begin()
        await raw.tell(Events(total, 2, 0))
        await crowds.finish(total, {})


async def test_a_crowd_fails_over_an_event_that_comes_twice(
    raw: Server, crowds: Crowds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.fanout.servers._payload", lambda _: ALWAYS)
    await raw.tell(Events(2, 2, 0))

    with pytest.raises(WrongMessages, match="0 came in place of 1"):
        await crowds.finish(2, {})


async def test_who_stalls_gets_everything_later(raw: Server, crowds: Crowds) -> None:
    await crowds.begin()
    await crowds.stall(0.5)
    await raw.tell(Events(5, 1, 0))
    await crowds.wait(5)
    await crowds.go_on()

    assert not await crowds.finish(5, {})


def test_marks_what_is_reached_and_what_is_not() -> None:
    calm, slow = [Latency(9, 29)], [Latency(9, 59)]
    measured = Measured(
        Fanout(
            {"raw": [4.0, 4.0], "gateway": [5.0, 7.0]},
            {"raw": [3.0, 3.0], "gateway": [3.0, 4.0]},
            {"raw": [4.0], "gateway": [0.5]},
            {"raw": [0.3, 0.3], "gateway": [0.5, 0.7]},
        ),
        {"raw": 15, "gateway": 18},
        {CALM: calm, BESIDE: slow, DENSE: calm, STALLED: calm},
    )

    lines = report.tables(measured).splitlines()

    assert "| CPU a message, gateway / raw | ≤ 1.5 | 1.50 (1.25..1.75) | ✓ |" in lines
    assert "| CPU a message, gateway / graphql-ws | ≤ 0.2 | not measured |  |" in lines
    assert "| CPU to open and subscribe, ms | ≤ 0.5 | 0.60 (0.50..0.70) | ✗ |" in lines
    assert any(each.startswith("| raw | 4.00 (4.00..4.00) | 3.00 (3.00..3.00) |") for each in lines)
    assert "| p99, beside a write transaction / without | ≤ 1.2 | 2.03 (2.03..2.03) | ✗ |" in lines


ALWAYS = '{"data":{"statusChanged":{"nodeId":"obj_1","version":1}}}'

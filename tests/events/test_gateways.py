from __future__ import annotations

import asyncio
import re

import asyncpg

from tests.conftest import lent_folder
from tests.events.test_sequencer import until, until_logged, writing
from tests.nats import StartNats
from tests.serve.gateways import Gateway, serving

PASSWORD = "hunter22"  # noqa: S105


async def test_no_event_is_lost_with_a_gateway_that_is_killed(
    sql: asyncpg.Connection, postgres_url: str
) -> None:
    variables = {"GATEWAY_DATABASE_URL": postgres_url}
    with (
        lent_folder() as one_folder,
        lent_folder() as two_folder,
        serving(one_folder / "state", variables=variables) as one,
        serving(two_folder / "state", variables=variables) as two,
    ):
        async with writing(postgres_url):
            await asyncio.sleep(0.5)
            kill(one)
            await asyncio.sleep(0.5)
        with serving(one_folder / "state", variables=variables):
            async with writing(postgres_url):
                kill(two)
            await until_logged(sql)


def kill(gateway: Gateway) -> None:
    gateway.process.kill()
    gateway.process.wait()


async def test_the_one_that_sequences_brings_the_others_what_happens(
    sql: asyncpg.Connection, postgres_url: str, start_nats: StartNats
) -> None:
    server = start_nats("--user", "gateway", "--pass", PASSWORD)
    variables = {
        "GATEWAY_DATABASE_URL": postgres_url,
        "GATEWAY_NATS_URL": f"nats://gateway:{PASSWORD}@{server.address}",
        "GATEWAY_METRICS": "on",
    }
    with (
        lent_folder() as one_folder,
        lent_folder() as two_folder,
        serving(one_folder / "state", variables=variables) as one,
        serving(two_folder / "state", variables=variables) as two,
    ):
        async with writing(postgres_url):
            await until(lambda: _has_brought(one, two))
        await until_logged(sql)
        server.kill()
        await until(lambda: _has_told(one))
        await until(lambda: _has_told(two))
        assert PASSWORD not in one.complaint + two.complaint


async def _has_brought(*gateways: Gateway) -> bool:
    """Tell whether one of them has published, and the other has got it."""
    return all(
        sum(metric(each, f"broker_{what}") for each in gateways)
        for what in ("published_total", "received_total")
    ) and all(metric(each, "broker_connected") for each in gateways)


async def _has_told(gateway: Gateway) -> bool:
    return "no events go through NATS" in gateway.complaint and not metric(
        gateway, "broker_connected"
    )


def metric(gateway: Gateway, name: str) -> float:
    found = re.search(rf"^gateway_{name} (\S+)$", gateway.get("/metrics").body.decode(), re.M)
    assert found
    return float(found[1])

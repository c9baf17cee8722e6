from __future__ import annotations

import asyncio

import asyncpg

from tests.conftest import lent_folder
from tests.events.test_sequencer import until_logged, writing
from tests.serve.gateways import Gateway, serving


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

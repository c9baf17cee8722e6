"""Whom the door lets in while somebody tries keys from the same address."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from gateway.database.pool import Database
from gateway.errors import TooManyRequests, Unauthenticated, Unavailable
from gateway.http.clients import Clients
from gateway.http.door import Door
from gateway.namespaces.authentication import Authenticator
from gateway.namespaces.key_secrets import new_secret
from gateway.rates.buckets import Buckets
from tests.namespaces.conftest import Clock, Operator

LATER_S = 3600.0  # nothing is trusted any longer, and no token has come back


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def operator(database: Database) -> Operator:
    operator = Operator(database)
    operator.home = await operator.namespace("home")
    return operator


@pytest.fixture
async def door(database: Database, clock: Clock) -> AsyncIterator[Door]:
    """A door that gives an address 20 tokens, once."""
    authenticator = Authenticator(database, clock=clock)
    yield Door(authenticator, Clients(), of_addresses=Buckets(1e-6, 20, clock=clock))
    await authenticator.close()


def request(secret: str) -> web.Request:
    headers = {"Authorization": f"Bearer {secret}", "X-Namespace": "home"}
    return make_mocked_request("POST", "/graphql", headers=headers)


async def exhaust(door: Door) -> None:
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await door.admit(request(new_secret()))
    with pytest.raises(TooManyRequests):
        await door.admit(request(new_secret()))


async def test_a_key_that_was_right_is_looked_up_again_all_the_same(
    door: Door, operator: Operator, clock: Clock
) -> None:
    key = await operator.key()
    await door.admit(request(key.secret))
    await exhaust(door)
    clock.now += LATER_S

    assert (await door.admit(request(key.secret))).key_id == key.key_id


async def test_an_outage_changes_nothing_about_who_was_right(
    door: Door, operator: Operator, clock: Clock, database: Database
) -> None:
    key = await operator.key()
    await door.admit(request(key.secret))
    await exhaust(door)
    clock.now += LATER_S
    database.is_silent = True
    try:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await door.admit(request(key.secret))
    finally:
        database.is_silent = False

    assert (await door.admit(request(key.secret))).key_id == key.key_id


async def test_so_is_one_that_opens_a_socket(door: Door, operator: Operator, clock: Clock) -> None:
    key = await operator.key()
    payload = {"Authorization": f"Bearer {key.secret}", "namespace": "home"}
    await door.admit_socket("", payload)
    await exhaust(door)
    clock.now += LATER_S

    assert (await door.admit_socket("", payload)).key_id == key.key_id


async def test_a_key_that_nobody_has_seen_has_to_wait(door: Door, operator: Operator) -> None:
    key = await operator.key()
    await exhaust(door)

    with pytest.raises(TooManyRequests):
        await door.admit(request(key.secret))


async def test_a_key_that_was_taken_back_is_a_wrong_one(
    door: Door, operator: Operator, clock: Clock
) -> None:
    key = await operator.key()
    await door.admit(request(key.secret))
    await operator.revoke(key)
    await exhaust(door)
    clock.now += LATER_S

    with pytest.raises(Unauthenticated):
        await door.admit(request(key.secret))
    with pytest.raises(TooManyRequests):
        await door.admit(request(key.secret))

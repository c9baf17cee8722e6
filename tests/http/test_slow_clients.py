"""Clients that take what is sent slowly, or not at all: nobody else waits, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.http.live.rules import LiveRules
from gateway.settings import Settings

from .conftest import Served, Serving
from .following import SUBSCRIPTION, Follower, Told
from .raw_socket import CLOSE, RawSocket, raw_socket
from .test_sockets import VIEWER

SMALL = 4096
LONG = "x" * 1000


@pytest.fixture
def told() -> Told:
    return Told()


@asynccontextmanager
async def subscribed(
    served: Served, told: Told, *, receive_buffer: int | None = None
) -> AsyncIterator[tuple[RawSocket, Follower]]:
    """Open a socket with one subscription."""
    number = len(told.followers) + 1
    async with raw_socket(served.url, receive_buffer=receive_buffer) as raw:
        raw.send({"type": "connection_init", "payload": served.headers})
        assert await raw.receive() == {"type": "connection_ack"}
        raw.send({"id": "s", "type": "subscribe", "payload": {"query": SUBSCRIPTION}})
        yield raw, await told.follower(number)


def numbers(count: int, *, begin: int = 0) -> list[Any]:
    return [[number, LONG] for number in range(begin, begin + count)]


async def received(raw: RawSocket, count: int) -> list[Any]:
    return [(await raw.receive())["payload"]["data"]["told"] for _ in range(count)]


async def test_a_slow_client_gets_everything_and_holds_up_nobody(
    serving: Serving, told: Told
) -> None:
    async with (
        serving(Settings(), follows=told) as served,
        subscribed(served, told, receive_buffer=SMALL) as (slow, behind),
        subscribed(served, told) as (quick, _),
    ):
        reading = asyncio.create_task(received(quick, 3000))
        for begin in range(0, 3000, 10):
            told.publish(*numbers(10, begin=begin))
            await asyncio.sleep(0)

        assert await reading == numbers(3000)
        assert behind.is_slow
        assert behind.sent < 1500  # 32 KiB wait here; the rest is the kernel's
        assert await received(slow, 3000) == numbers(3000)
        assert (behind.drains, behind.stops) == (behind.stalls, 0)
        assert behind.stalls > 1


async def test_each_subscription_of_a_slow_client_goes_on(serving: Serving, told: Told) -> None:
    async with (
        serving(Settings(), follows=told) as served,
        subscribed(served, told, receive_buffer=SMALL) as (raw, first),
    ):
        raw.send({"id": "t", "type": "subscribe", "payload": {"query": SUBSCRIPTION}})
        second = await told.follower(2)
        told.publish(*numbers(1500))
        assert first.is_slow
        assert second.is_slow

        messages = [await raw.receive() for _ in range(3000)]
        for id in "st":
            payloads = [each["payload"]["data"]["told"] for each in messages if each["id"] == id]
            assert payloads == numbers(1500)
        assert (first.drains, second.drains) == (first.stalls, second.stalls)


async def test_who_is_slow_from_the_start_goes_on_too(serving: Serving, told: Told) -> None:
    """Results that are sent before the subscription has begun may be too many already."""

    def at_start(follower: Follower) -> None:
        follower.sent = 0
        follower.go_on()

    told.publish(*numbers(2000))
    told.at_start = at_start
    told.gate.clear()
    async with (
        serving(Settings(), follows=told) as served,
        subscribed(served, told, receive_buffer=SMALL) as (raw, follower),
    ):
        begun = follower.sent
        assert follower.is_slow
        assert await received(raw, begun) == numbers(begun)
        assert follower.sent == begun
        told.gate.set()

        assert await received(raw, 2000 - begun) == numbers(2000)[begun:]
        assert follower.drains == follower.stalls


async def test_who_takes_nothing_is_closed(serving: Serving, told: Told) -> None:
    rules = LiveRules(stall_s=0.3, farewell_s=0.3)
    async with (
        serving(Settings(), follows=told, live_rules=rules) as served,
        subscribed(served, told, receive_buffer=SMALL) as (raw, follower),
    ):
        told.publish(*numbers(2000))
        assert follower.is_slow
        await told.until(lambda: served.connections.count == 0)

        assert (follower.stops, follower.drains) == (1, 0)
        assert await raw.until_gone()  # what was on its way; the farewell came too late


async def test_who_takes_it_late_hears_why(serving: Serving, told: Told) -> None:
    rules = LiveRules(stall_s=0.3, farewell_s=20)
    async with (
        serving(Settings(), follows=told, live_rules=rules) as served,
        subscribed(served, told, receive_buffer=SMALL) as (raw, follower),
    ):
        told.publish(*numbers(2000))
        await told.until(lambda: follower.stops == 1)

        assert await raw.closing() == (
            1013,
            "Nothing more is taken for too long; come again and resume",
        )
        raw.send_frame(CLOSE, b"")
        assert await raw.until_gone() == b""


async def test_who_reads_no_answers_is_asked_no_more(serving: Serving, told: Told) -> None:
    """The messages of a client that is slow wait on its side."""
    rules = LiveRules(stall_s=0.5, farewell_s=0.1)
    async with (
        serving(Settings(), follows=told, live_rules=rules) as served,
        subscribed(served, told, receive_buffer=SMALL) as (raw, follower),
    ):
        told.publish(*numbers(2000))
        assert follower.is_slow
        for number in range(50):
            payload = {"query": VIEWER}
            raw.send({"id": f"q{number}", "type": "subscribe", "payload": payload})
        raw.send({"id": "t", "type": "subscribe", "payload": {"query": SUBSCRIPTION}})
        await told.until(lambda: served.connections.count == 0)

        assert len(told.followers) == 1


async def test_a_slow_client_that_dies_leaves_nothing(serving: Serving, told: Told) -> None:
    async with (
        serving(Settings(), follows=told) as served,
        subscribed(served, told, receive_buffer=SMALL) as (raw, follower),
    ):
        told.publish(*numbers(2000))
        assert follower.is_slow
        raw.die()
        await told.until(lambda: served.connections.count == 0)

        assert (follower.stops, follower.drains) == (1, 0)
        assert served.connections.subscriptions == 0
        await told.until(lambda: not any("_drain" in str(each) for each in asyncio.all_tasks()))


async def test_a_fault_while_it_goes_on_closes_the_socket(serving: Serving, told: Told) -> None:
    async with (
        serving(Settings(), follows=told) as served,
        subscribed(served, told, receive_buffer=SMALL) as (raw, follower),
    ):
        told.publish(*numbers(2000))
        follower.stalls = 0  # it will not expect to be told

        assert await raw.closing() == (1011, "Unexpected error.")
        assert follower.stops == 1

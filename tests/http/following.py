"""Subscriptions whose results a test publishes; else what the hub promises is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from graphql import GraphQLError

from gateway.context import Context
from gateway.errors import GatewayError
from gateway.events.following import Following, Message, Sink

SUBSCRIPTION = "subscription ($n: Int) { told(n: $n) }"


class Follower:
    """One subscriber: a position in what is published."""

    def __init__(self, told: Told, sink: Sink, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.sink = sink
        self.sent = len(told.published)
        self.stalls = 0
        self.drains = 0
        self.stops = 0
        self._told = told

    @property
    def is_slow(self) -> bool:
        return self.stalls > self.drains

    def drained(self) -> None:
        assert self.is_slow, "told without having been slow"
        self.drains += 1
        self.go_on()

    def stop(self) -> None:
        self.stops += 1

    def go_on(self) -> None:
        """Send what there is, ten at a time, until the sink has enough."""
        while not self.is_slow and not self.stops and self.sent < len(self._told.published):
            batch = self._told.published[self.sent : self.sent + 10]
            self.sent += len(batch)
            if not self.sink.send(batch):
                self.stalls += 1


class Told:
    """Follows whatever is asked."""

    def __init__(self) -> None:
        self.published: list[Message] = []
        self.followers: list[Follower] = []
        self.refusal: list[GraphQLError] | GatewayError | None = None
        # What is done before the follower is handed out, and until when that takes.
        self.at_start: Callable[[Follower], None] = lambda _: None
        self.gate = asyncio.Event()
        self.gate.set()

    async def follow(
        self,
        text: str,
        variables: dict[str, Any],
        name: str | None,
        context: Context,
        sink: Sink,
        *,
        after: str | None = None,
    ) -> Following | list[GraphQLError]:
        asked = {
            "text": text,
            "variables": variables,
            "name": name,
            "namespace": context.caller.namespace_id,
            "after": after,
        }
        follower = Follower(self, sink, asked)
        self.followers.append(follower)
        if isinstance(self.refusal, GatewayError):
            raise self.refusal
        if self.refusal is not None:
            return self.refusal
        self.at_start(follower)
        await self.gate.wait()
        return follower

    def publish(self, *values: Any) -> None:
        """Send results to all who follow."""
        for value in values:
            json = orjson.dumps({"data": {"told": value}})
            self.published.append(Message(json, f"c{len(self.published) + 1}"))
        for each in self.followers:
            each.go_on()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return once something is so."""
        async with asyncio.timeout(20):
            while not is_so():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def follower(self, number: int = 1) -> Follower:
        """Return the follower that comes as the so-manieth."""
        await self.until(lambda: len(self.followers) >= number)
        return self.followers[number - 1]

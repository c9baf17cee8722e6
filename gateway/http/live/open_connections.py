"""All connections that stay open: whose they are, whether they live, and how they end."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from gateway.errors import TooManyRequests
from gateway.http.live.farewells import KEY_ENDED, RESTART, Farewell
from gateway.http.live.rules import LiveRules

TICK_S = 1.0
# When the gateway stops, clients come again elsewhere, where each costs CPU.
LEAVING_PER_S = 200
# Nobody knows when one of a key's connections ends. Clients wait no longer between two tries.
COME_AGAIN_S = 5.0


class OpenConnection(Protocol):
    """A socket, or an answer as SSE."""

    def close(self, farewell: Farewell) -> None:
        """Tell the client to go, and end."""

    def retire(self) -> None:
        """Close as soon as no answer is under way that comes but once."""

    def beat(self) -> None:
        """Give a sign of life, and end if the client has given none since the last one."""


class KeyUse:
    """What is held open with one secret of an API key."""

    __slots__ = ("_most_subscriptions", "connections", "subscriptions")

    def __init__(self, most_subscriptions: int) -> None:
        self.connections: set[OpenConnection] = set()
        self.subscriptions = 0
        self._most_subscriptions = most_subscriptions

    def begin_subscription(self) -> None:
        """Count one more.

        Raises:
            TooManyRequests: There are as many as there may be.
        """
        if self.subscriptions >= self._most_subscriptions:
            raise _too_many("subscriptionsPerKey", "subscriptions", self._most_subscriptions)
        self.subscriptions += 1

    def end_subscription(self) -> None:
        """Count one less."""
        self.subscriptions -= 1


class OpenConnections:
    """The connections of this process."""

    def __init__(self, rules: LiveRules) -> None:
        self._rules = rules
        # When each gives its next sign of life, in order of that.
        self._beats_at: OrderedDict[OpenConnection, float] = OrderedDict()
        self._ticker: asyncio.TimerHandle | None = None
        self._uses: dict[bytes, KeyUse] = {}
        self._emptied = asyncio.Event()
        # Called with the secret of each that is admitted.
        self.on_admitted: Callable[[bytes], None] = lambda _: None

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._beats_at)

    @property
    def subscriptions(self) -> int:
        """How many there are on all of them."""
        return sum(use.subscriptions for use in self._uses.values())

    def add(self, connection: OpenConnection) -> None:
        """Take care of a connection from now on."""
        loop = asyncio.get_running_loop()
        self._beats_at[connection] = loop.time() + self._rules.beat_s
        if self._ticker is None:
            self._ticker = loop.call_later(min(TICK_S, self._rules.beat_s), self._tick)

    def admit(self, connection: OpenConnection, secret_digest: bytes) -> KeyUse:
        """Note whose connection it is.

        Raises:
            TooManyRequests: The key has as many as it may have.
        """
        use = self._uses.get(secret_digest)
        if use is None:
            use = KeyUse(self._rules.subscriptions_per_key)
            self._uses[secret_digest] = use
        most = self._rules.connections_per_key
        if len(use.connections) >= most:
            raise _too_many("connectionsPerKey", "connections open", most)
        use.connections.add(connection)
        self.on_admitted(secret_digest)
        return use

    def remove(self, connection: OpenConnection) -> None:
        """Forget a connection that has ended; may be called twice."""
        self._beats_at.pop(connection, None)
        if not self._beats_at:
            if self._ticker is not None:
                self._ticker.cancel()
                self._ticker = None
            self._emptied.set()

    def leave(self, connection: OpenConnection, secret_digest: bytes) -> None:
        """Take back ``admit``; may be called twice."""
        use = self._uses.get(secret_digest)
        if use is not None:
            use.connections.discard(connection)
            if not use.connections:
                del self._uses[secret_digest]

    def secret_digests(self) -> list[bytes]:
        """Return by which secrets connections are open."""
        return list(self._uses)

    def end(self, secret_digest: bytes) -> None:
        """Close all that were opened with a secret."""
        use = self._uses.get(secret_digest)
        for each in list(use.connections) if use else ():
            each.close(KEY_ENDED)

    async def drain(self, window_s: float) -> None:
        """Close all, spread over a window; answers that are under way are waited for as long."""
        leaving = list(self._beats_at)
        gap_s = min(window_s / max(1, len(leaving)), 1 / LEAVING_PER_S)
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + window_s
        for each in leaving:
            each.retire()
            await asyncio.sleep(gap_s)
        await self._until_empty(ends_at - loop.time())
        for each in list(self._beats_at):
            each.close(RESTART)
        await self._until_empty(2 * self._rules.farewell_s)

    async def _until_empty(self, most_s: float) -> None:
        if self._beats_at:
            self._emptied.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(most_s):
                    await self._emptied.wait()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        # First, so that a fault of one of them is not the end of all ticking.
        self._ticker = loop.call_later(min(TICK_S, self._rules.beat_s), self._tick)
        while self._beats_at:
            connection, at = next(iter(self._beats_at.items()))
            if at > now:
                break
            self._beats_at[connection] = now + self._rules.beat_s
            self._beats_at.move_to_end(connection)
            connection.beat()


def _too_many(limit: str, what: str, most: int) -> TooManyRequests:
    return TooManyRequests(
        f"this API key has {most} {what}; the most is {most}",
        limit=limit,
        maximum=most,
        wait_s=COME_AGAIN_S,
    )

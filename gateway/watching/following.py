"""Following events over a websocket, through every disconnect, without losing or repeating one."""

from __future__ import annotations

import random
from asyncio import sleep, timeout
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import orjson

from gateway.remote import Passing, Refusal, RemoteGateway, kind_of, refusal_of

Message = dict[str, Any]
T = TypeVar("T")

SUBSCRIPTION = """
subscription ($filter: StatusEventFilter, $after: EventCursor, $named: Boolean!) {
  statusChanged(filter: $filter, after: $after) {
    __typename
    ... on StatusCheckpoint { cursor replaying }
    ... on StatusReset { cursor reason }
    ... on StatusEvent {
      cursor event kind nodeId bucketId collectionId rootObjectId version previousStatus status
      error at
      node @include(if: $named) {
        ... on BucketObject { keyPrefix }
        ... on Bucket { bucketName }
        ... on Collection { collectionName }
      }
    }
  }
}
"""
_SUBPROTOCOL = "graphql-transport-ws"
# A key that is not taken, and what a gateway does not understand; all other ends may pass.
_FINAL_CODES = frozenset({4400, 4401, 4403, 4406, 4409, 4429})
_BROKEN = "the websocket has broken off"
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_OPENING_S = 15
_BEAT_S = 20
_CLOSING = aiohttp.ClientWSTimeout(ws_close=1.0)


class Pauses:
    """Waits longer each time, up to a bound; not as long as others do who wait for the same."""

    def __init__(self) -> None:
        self._next_s = _FIRST_PAUSE_S

    def reset(self) -> None:
        """Begin with the shortest again."""
        self._next_s = _FIRST_PAUSE_S

    async def wait(self) -> None:
        """Return after a while."""
        pause_s = self._next_s * random.uniform(0.5, 1)  # noqa: S311
        self._next_s = min(2 * self._next_s, _LONGEST_PAUSE_S)
        await sleep(pause_s)


class FollowedGateway(RemoteGateway):
    """A gateway whose events are followed until that is let go, however long it is away."""

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what ``work()`` gives; try again, as long as it takes, what may pass.

        Raises:
            Refusal: It does not pass.
        """
        pauses = Pauses()
        while True:
            try:
                found = await work()
            except Passing as error:
                self._tell(error)
            else:
                self._is_retrying = False
                return found
            await pauses.wait()

    async def messages(
        self, after: str, *, filter: Mapping[str, Any], named: bool
    ) -> AsyncGenerator[Message]:
        """Yield checkpoints, events and resets after a place.

        Args:
            named: Whether events tell the names of what they are about.

        Raises:
            Refusal: The gateway does not take the key, the place or the filter.
        """
        pauses = Pauses()
        variables = {"filter": filter, "after": after, "named": named}
        while True:
            try:
                async with self._subscribed(variables) as socket:
                    while True:
                        message = await _next_result(socket)
                        pauses.reset()
                        self._is_retrying = False
                        variables["after"] = message["cursor"]
                        yield message
            except Passing as error:
                self._tell(error)
            await pauses.wait()

    @asynccontextmanager
    async def _subscribed(
        self, variables: Mapping[str, Any]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        try:
            async with timeout(_OPENING_S):
                socket = await self._session.ws_connect(
                    self._url, protocols=[_SUBPROTOCOL], heartbeat=_BEAT_S, timeout=_CLOSING
                )
        except aiohttp.WSServerHandshakeError as error:
            kind = kind_of(error.status)
            raise kind(f"{self._url} opens no websocket (it answers {error.status})") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise Passing(f"{self._url} gives no answer: {why}") from error
        async with socket:
            await _send(socket, {"type": "connection_init", "payload": self._headers})
            async with _in_time():
                await _next(socket, "connection_ack")
            payload = {"query": SUBSCRIPTION, "variables": variables}
            await _send(socket, {"type": "subscribe", "id": "1", "payload": payload})
            yield socket


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with timeout(_OPENING_S):
            yield
    except TimeoutError as error:
        raise Passing("the gateway gives no answer on its websocket") from error


async def _next_result(socket: aiohttp.ClientWebSocketResponse) -> Message:
    payload = (await _next(socket, "next"))["payload"]
    for each in payload.get("errors") or ():
        raise refusal_of(each)
    message: Message = payload["data"]["statusChanged"]
    return message


async def _next(socket: aiohttp.ClientWebSocketResponse, wanted: str) -> Message:
    """Return the next message of a type.

    Raises:
        Passing: The socket has ended, or the subscription.
        Refusal: It has for good.
    """
    while True:
        frame = await socket.receive()
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise _end_of(frame)
        message: Message = orjson.loads(frame.data)
        match message["type"]:
            case "ping":
                await _send(socket, {"type": "pong"})
            case "error":
                raise refusal_of(message["payload"][0])
            case "complete":
                raise Passing("the gateway has ended the subscription")
            case kind if kind == wanted:
                return message


def _end_of(frame: aiohttp.WSMessage) -> Refusal:
    if frame.type is aiohttp.WSMsgType.CLOSE:
        kind = Refusal if frame.data in _FINAL_CODES else Passing
        return kind(f"the gateway closes the websocket: {frame.extra or frame.data}")
    return Passing(_BROKEN)


async def _send(socket: aiohttp.ClientWebSocketResponse, message: Message) -> None:
    try:
        await socket.send_str(orjson.dumps(message).decode())
    except (aiohttp.ClientError, OSError) as error:
        raise Passing(_BROKEN) from error

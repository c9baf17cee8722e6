"""One subscription as an event stream, from its opening to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

from aiohttp import HttpVersion11, web
from aiohttp.hdrs import AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE
from aiohttp.http_websocket import WebSocketReader
from graphql import GraphQLError

from gateway.context import Context
from gateway.errors import GatewayError, RequestFailure, Unexpected
from gateway.events.following import MAY_COME_AGAIN, Following, Follows, Message
from gateway.http import strict_json
from gateway.http.answers import error_of
from gateway.http.event_streams import events
from gateway.http.live.farewells import Farewell
from gateway.http.live.outlet import Outlet
from gateway.http.live.parts import LiveParts
from gateway.http.media_types import EVENTS
from gateway.http.requests import Asked
from gateway.namespaces.shown import secret_digest_in
from gateway.observing import notes

logger = logging.getLogger(__name__)

HEADERS = {
    CONTENT_TYPE: EVENTS,
    CACHE_CONTROL: "no-cache",
    "X-Accel-Buffering": "no",  # nginx would keep events back
}
LAST_EVENT_ID = "Last-Event-ID"


async def answer(
    request: web.Request,
    parts: LiveParts,
    follows: Follows,
    text: str,
    asked: Asked,
    context: Context,
) -> web.StreamResponse:
    """Answer a subscription by an event stream, until one of the two sides ends it.

    Raises:
        TooManyRequests: The key holds as many open as it may.
    """
    digest = secret_digest_in(request.headers.get(AUTHORIZATION))
    stream = EventStream(request, parts)
    connections = parts.connections
    use = connections.admit(stream, digest)
    try:
        use.begin_subscription()
        try:
            connections.add(stream)
            await parts.admission.turn()
            return await stream.serve(follows, text, asked, context)
        finally:
            connections.remove(stream)
            use.end_subscription()
    finally:
        connections.leave(stream, digest)


class EventStream:
    """Writes the results of one subscription; is its sink, and an open connection."""

    __slots__ = (
        "_edge",
        "_following",
        "_is_drained_early",
        "_is_over",
        "_outlet",
        "_over",
        "_request",
        "_response",
        "_rules",
    )

    def __init__(self, request: web.Request, parts: LiveParts) -> None:
        self._request = request
        self._rules = parts.rules
        self._edge = parts.edge
        self._response = web.StreamResponse(headers=HEADERS)
        self._response.force_close()
        if request.version >= HttpVersion11:
            self._response.enable_chunked_encoding()
        self._outlet: Outlet | None = None
        self._following: Following | None = None
        self._is_over = False
        self._is_drained_early = False
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(
        self, follows: Follows, text: str, asked: Asked, context: Context
    ) -> web.StreamResponse:
        """Follow until one of the two ends."""
        try:
            await self._open()
        except ConnectionError:
            return web.Response()  # nobody is there to read it
        try:
            found = await self._follow(follows, text, asked, context)
            if isinstance(found, list):
                self._refuse(found)
            else:
                self._go_on(found)
            self._edge.ended()  # it has begun, and may last for days
            await self._over
        finally:
            self._end()
        return self._response

    # the sink

    def send(self, messages: Sequence[Message]) -> bool:
        """Write messages at once, in order; tell whether more may follow."""
        if self._is_over or self._outlet is None:
            return False
        if self._write(events.results(messages)):
            return True
        self._outlet.when_drained(self._drained)
        return False

    def complete(self) -> None:
        """End the subscription well."""
        if not self._is_over:
            self._write(events.COMPLETE)
            self._end()

    def fail(self, error: GatewayError) -> None:
        """End the stream; the client comes again and resumes."""
        if not isinstance(error, MAY_COME_AGAIN):
            logger.error("a subscription has failed", exc_info=error)
        self._end()

    # the open connection

    def close(self, _: Farewell) -> None:
        """End the stream, in which nothing can be told that is no result."""
        self._end()

    def retire(self) -> None:
        """End the stream; it goes on elsewhere."""
        self._end()

    def beat(self) -> None:
        """Write a comment; from a client that is gone comes an error."""
        if self._outlet is not None and not self._outlet.is_slow:
            self._write(events.BEAT)

    async def _open(self) -> None:
        writer = await self._response.prepare(self._request)
        if writer is None:
            raise ConnectionResetError("the answer has ended already")
        self._outlet = Outlet(
            self._request,
            writer,
            stall_s=self._rules.stall_s,
            give_up=self._end,
            fail=self._end,
        )
        self._request.protocol.set_parser(cast(WebSocketReader, _UntilGone(self._end)))
        self._write(events.RETRY)

    async def _follow(
        self, follows: Follows, text: str, asked: Asked, context: Context
    ) -> Following | list[GraphQLError]:
        after = self._request.headers.get(LAST_EVENT_ID)
        try:
            return await follows.follow(
                text, asked.variables, asked.name, context, self, after=after
            )
        except RequestFailure as failure:
            return [error_of(failure)]
        except Exception:
            logger.exception("a subscription could not begin")
            return [error_of(Unexpected(notes.request_id()))]

    def _refuse(self, errors: list[GraphQLError]) -> None:
        if not self._is_over:
            told: dict[str, Any] = {"errors": [each.formatted for each in errors]}
            self._write(events.only_result(strict_json.encode(told)))
            self._end()

    def _go_on(self, following: Following) -> None:
        self._following = following
        if self._is_over:
            following.stop()
        elif self._is_drained_early:
            following.drained()

    def _drained(self) -> None:
        if self._following is None:
            self._is_drained_early = True
        elif not self._is_over:
            self._following.drained()

    def _write(self, data: bytes) -> bool:
        # Straight to the transport: aiohttp's own write() may wait.
        if self._outlet is None:
            return False
        framed = b"%x\r\n%b\r\n" % (len(data), data) if self._response.chunked else data
        return self._outlet.write(framed)

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._following is not None:
            self._following.stop()
        if self._outlet is not None:
            if self._response.chunked:
                self._outlet.write(b"0\r\n\r\n")
            self._outlet.close(self._rules.farewell_s)
        if not self._over.done():
            self._over.set_result(None)


class _UntilGone:
    """Takes the place of aiohttp's parser, which tells nobody that a client has gone."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def feed_data(self, _: bytes) -> tuple[bool, bytes]:
        """Leave out what is sent after the request: the connection ends with its answer."""
        return False, b""

    def feed_eof(self) -> None:
        """Take note that the client has gone."""
        self._call()

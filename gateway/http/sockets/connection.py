"""One websocket, from its opening to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiohttp import EofStream, WSMessage, WSMsgType, web
from aiohttp.http_websocket import WebSocketError

from gateway.errors import LimitExceeded, RequestFailure, Unavailable
from gateway.http import cost
from gateway.http.answers import error_of
from gateway.http.live.farewells import (
    FAULT,
    INIT_TOO_LATE,
    INIT_TWICE,
    NO_SUBPROTOCOL,
    RESTART,
    TOO_SLOW,
    UNAUTHORIZED,
    Farewell,
    bad_message,
    forbidden,
    id_taken,
    try_later,
)
from gateway.http.live.outlet import Outlet
from gateway.http.live.parts import LiveParts
from gateway.http.sockets import frames, handshake, messages
from gateway.http.sockets.inbox import Inbox
from gateway.http.sockets.messages import BadMessage, ConnectionInit, Ping, Subscribe
from gateway.http.sockets.operations import Client, Operation
from gateway.namespaces.shown import authorization_in, secret_digest_in

logger = logging.getLogger(__name__)

_READ_ON = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG})


class Connection:
    """Takes the messages of one client, one after the other, and runs its operations.

    It takes over what aiohttp's own sockets do: their ``close()`` waits for the client, and would
    wait for one that takes nothing for good; to open one takes as long as all that is done here.
    """

    __slots__ = (
        "_address",
        "_client",
        "_deadline",
        "_inbox",
        "_is_closing",
        "_is_heard",
        "_is_init_received",
        "_is_retiring",
        "_operations",
        "_secret_digest",
        "_speaks_ours",
        "_tasks",
        "outlet",
        "parts",
    )

    def __init__(self, parts: LiveParts, request: web.Request) -> None:
        self.parts = parts
        self.outlet = Outlet(
            request,
            request.writer,
            stall_s=parts.rules.stall_s,
            give_up=lambda: self.close(TOO_SLOW),
            fail=lambda: self.close(FAULT),
        )
        self._inbox = Inbox(request.protocol, parts.rules.message_bytes)
        self._speaks_ours = handshake.speaks_ours(request.headers)
        self._address = parts.door.address_of(request)
        self._operations: dict[str, Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: Client | None = None
        self._secret_digest = b""
        self._is_init_received = False
        self._is_heard = True
        self._is_retiring = False
        self._is_closing = False
        # Of the client's first message, later of its answer to our last.
        self._deadline: asyncio.TimerHandle | None = None

    def write(self, frame: bytes) -> None:
        """Write what does not wait for a slow client."""
        if not self._is_closing:
            self.outlet.write(frame)

    async def serve(self) -> None:
        """Take messages until the socket is closed; nothing of it is left then."""
        self.parts.connections.add(self)
        if self._speaks_ours:
            self._set_deadline(self.parts.rules.init_s, lambda: self.close(INIT_TOO_LATE))
        else:
            self.close(NO_SUBPROTOCOL)
        try:
            while (message := await self._inbox.next()).type in _READ_ON:
                self._is_heard = True
                if not self._is_closing:
                    await self._take(message)
                    await self.outlet.keep_pace()
            self.write(frames.close(message.data or 1000, ""))
        except WebSocketError as error:
            self.write(frames.close(error.code, ""))
        except EofStream:
            pass
        finally:
            self._leave()
            await self._finish_changes()

    def close(self, farewell: Farewell) -> None:
        """Tell the client to go, and end when it has answered, or does not for too long."""
        if self._is_closing or self.outlet.is_gone:
            return
        self._is_closing = True
        self._stop_operations()
        self.outlet.write(frames.close(*farewell))
        self._set_deadline(self.parts.rules.farewell_s, self.outlet.abort)

    def retire(self) -> None:
        """Close when no answer is under way that comes but once; subscriptions go on elsewhere."""
        self._is_retiring = True
        self.close_if_retired()

    def beat(self) -> None:
        """Ping the client, or end if it has sent nothing since the last one."""
        if self.outlet.is_slow:
            self._is_heard = True  # who does not take what was sent cannot have seen a ping
        elif self._is_heard:
            self._is_heard = False
            self.write(frames.PING)
        else:
            self.outlet.abort()

    def forget(self, operation: Operation) -> None:
        """Have an operation's id free again."""
        if self._operations.get(operation.id) is operation:
            del self._operations[operation.id]
        self.close_if_retired()

    def close_if_retired(self) -> None:
        """Close if it is to retire, and no answer is under way that comes but once."""
        if self._is_retiring and not any(each.has_one_result for each in self._operations.values()):
            self.close(RESTART)

    async def _take(self, message: WSMessage) -> None:
        match message.type:
            case WSMsgType.TEXT:
                try:
                    read = messages.read(message.data)
                except BadMessage as error:
                    self.close(bad_message(str(error)))
                else:
                    await self._obey(read)
            case WSMsgType.PING:
                self.outlet.write(frames.pong(message.data))
            case WSMsgType.BINARY:
                self.close(bad_message("Invalid message: binary; messages are text"))

    async def _obey(self, message: messages.ClientMessage) -> None:
        match message:
            case ConnectionInit():
                await self._admit(message)
            case Ping():
                self.outlet.write(frames.protocol_pong(message.payload))
            case Subscribe():
                self._start(message)
            case messages.Complete():
                if operation := self._operations.get(message.id):
                    operation.stop()

    async def _admit(self, message: ConnectionInit) -> None:
        """Let the client in by the key that it shows, or close."""
        if self._is_init_received:
            self.close(INIT_TWICE)
            return
        self._is_init_received = True
        self._set_deadline(None)
        try:
            caller = await self.parts.door.admit_socket(self._address, message.payload)
            reports_cost = cost.is_asked_for((message.payload or {}).get(cost.HEADER))
            self._secret_digest = secret_digest_in(authorization_in(message.payload))
            use = self.parts.connections.admit(self, self._secret_digest)
        except (Unavailable, LimitExceeded) as failure:
            self.close(try_later(failure.message))
        except RequestFailure as failure:
            self.close(forbidden(failure.message))
        except Exception:
            logger.exception("a socket could not be let in")
            self.close(FAULT)
        else:
            trace = self.parts.edge.parent_in(message.payload)
            self._client = Client(caller, use, self._address, reports_cost, trace)
            self.write(frames.ACK)

    def _start(self, message: Subscribe) -> None:
        if self._client is None:
            self.close(UNAUTHORIZED)
            return
        if message.id in self._operations:
            self.close(id_taken(message.id))
            return
        if self._is_retiring:
            return  # the client asks again where it goes
        operation = Operation(self, self._client, message.id)
        most = self.parts.rules.operations_per_socket
        if len(self._operations) >= most:
            failure = LimitExceeded(
                f"this socket has {most} operations; the most is {most}",
                limit="operationsPerSocket",
                value=most + 1,
                maximum=most,
            )
            operation.refuse([error_of(failure)])
            return
        try:
            self.parts.door.count(self._client.caller)
        except LimitExceeded as failure:
            operation.refuse([error_of(failure)])
            return
        self._operations[message.id] = operation
        task = operation.start(message.asked)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _set_deadline(self, within_s: float | None, call: Callable[[], None] | None = None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if within_s is not None and call is not None:
            self._deadline = asyncio.get_running_loop().call_later(within_s, call)

    def _stop_operations(self) -> None:
        for each in list(self._operations.values()):
            each.stop()

    def _leave(self) -> None:
        self._is_closing = True
        self._set_deadline(None)
        self._stop_operations()
        self.outlet.close(self.parts.rules.farewell_s)
        self.parts.connections.leave(self, self._secret_digest)
        self.parts.connections.remove(self)

    async def _finish_changes(self) -> None:
        """Return when the mutations are made that the client began; it may look for them later."""
        try:
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for each in self._tasks:
                each.cancel()

"""The GraphQL endpoint: HTTP and websocket requests into the schema, its answers out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeGuard

from aiohttp import ClientConnectionResetError, web
from aiohttp.hdrs import ACCEPT, ALLOW
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge
from aiohttp.web_protocol import RequestPayloadError
from strawberry.aiohttp.views import AiohttpWebSocketAdapter, GraphQLView
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UNSET

from gateway.caller import Caller
from gateway.context import Context
from gateway.errors import RequestFailure
from gateway.http import answers, strict_json
from gateway.http.answers import Refused
from gateway.http.media_types import JSON, answer_type
from gateway.http.persisted import PersistedTexts
from gateway.http.requests import Asked, check_body_type, read_body, read_url
from gateway.namespaces.authentication import Authenticator
from gateway.planner.outcome import Outcome
from gateway.schema import GatewaySchema

logger = logging.getLogger(__name__)

MakeContext = Callable[[Caller], Context]

METHODS = "GET, HEAD, POST, OPTIONS"
_TAKEN_BY_GET = frozenset({OperationType.QUERY})
_TAKEN_BY_POST = frozenset({OperationType.QUERY, OperationType.MUTATION})


class _TextSockets(AiohttpWebSocketAdapter):
    """Sends text frames: orjson makes bytes, and clients refuse binary frames."""

    async def send_json(self, message: Any) -> None:
        try:
            await self.ws.send_str(strict_json.encode(message).decode())
        except (RuntimeError, ClientConnectionResetError) as error:
            raise WebSocketDisconnected from error


class View(GraphQLView[Context, Outcome | None]):
    """Strawberry's view for sockets; HTTP is answered here.

    Args:
        max_message_bytes: Of one message on a socket.
    """

    websocket_adapter_class = _TextSockets

    def __init__(
        self,
        schema: GatewaySchema,
        authenticator: Authenticator,
        make_context: MakeContext,
        persisted: PersistedTexts,
        *,
        max_message_bytes: int,
    ) -> None:
        super().__init__(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
        self._gateway_schema = schema
        self._persisted = persisted
        self._authenticator = authenticator
        self._make_context = make_context
        self._max_message_bytes = max_message_bytes

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; whatever goes wrong is told as GraphQL tells errors."""
        if self.is_websocket_request(request):
            return await self.run(request=request)
        if _wants_page(request):
            page = await self.render_graphql_ide(request)
            page.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
            return page
        accept = request.headers.getall(ACCEPT, ())
        media_type = answer_type(accept[0] if len(accept) == 1 else ", ".join(accept))
        try:
            response = await self._answer(request, media_type)
        except RequestFailure as failure:
            response = answers.of_failure(failure, media_type or JSON)
        except Refused as refused:
            response = answers.of_refused(refused, media_type or JSON)
        except HTTPRequestEntityTooLarge:
            too_large = answers.too_large(request.client_max_size)
            response = answers.of_failure(too_large, media_type or JSON)
            response.set_status(413)
        except (RequestPayloadError, HttpProcessingError) as error:
            logger.info("a body is not encoded as its headers say: %r", error)
            undecodable = Refused("the body is not encoded as its headers say")
            response = answers.of_refused(undecodable, media_type or JSON)
            # aiohttp would read on, meet the same error and log it with all that led to it.
            request.content.feed_eof()
            response.force_close()
        return response if request.method == "POST" else answers.varying(response)

    async def _answer(self, request: web.Request, media_type: str | None) -> web.Response:
        if request.method == "OPTIONS":
            return answers.allowed(METHODS)
        if request.method not in ("GET", "HEAD", "POST"):
            raise Refused(
                f"GraphQL is asked by GET or POST, not by {request.method}",
                status=405,
                headers={ALLOW: METHODS},
            )
        if media_type is None:
            raise Refused(
                "Accept has to name application/graphql-response+json or application/json",
                status=406,
            )
        is_post = request.method == "POST"
        if is_post:
            check_body_type(request)
        context = await self.get_context(request, None)  # the key before the body
        asked = await read_body(request) if is_post else read_url(request)
        text = self._persisted.text_of(asked.query, asked.extensions)
        if not text:
            raise Refused("query is missing; it has to be a document of GraphQL")
        outcome = None
        if is_post:
            quick = await self._gateway_schema.answer(text, asked.variables, asked.name, context)
            if isinstance(quick, bytes):
                return answers.finished(quick, media_type)
            outcome = quick
        return await self._execute(text, asked, context, outcome, media_type, is_post=is_post)

    async def _execute(
        self,
        text: str,
        asked: Asked,
        context: Context,
        outcome: Outcome | None,
        media_type: str,
        *,
        is_post: bool,
    ) -> web.Response:
        """Answer on the long road."""
        try:
            result = await self.schema.execute(
                text,
                asked.variables,
                context,
                outcome,
                asked.name,
                _TAKEN_BY_POST if is_post else _TAKEN_BY_GET,
            )
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.MUTATION:
                raise Refused(
                    "a mutation is asked for by POST", status=405, headers={ALLOW: "POST"}
                ) from error
            raise Refused(
                "a subscription is asked for on a websocket, by the protocol"
                f" {GRAPHQL_TRANSPORT_WS_PROTOCOL}"
            ) from error
        return answers.of_result(result, media_type)

    async def get_context(
        self, request: web.Request, response: web.Response | web.WebSocketResponse | None
    ) -> Context:
        """Return the request's context; a socket names its caller later, in connection_init."""
        if isinstance(response, web.WebSocketResponse):
            return self._make_context(Caller.nobody())
        caller = await self._authenticator.authenticate(
            request.headers.get("Authorization"), request.headers.get("X-Namespace")
        )
        context = self._make_context(caller)
        context.idempotency_key = request.headers.get("Idempotency-Key")
        return context

    async def on_ws_connect(self, context: Context) -> Any:
        """Authenticate a socket by the payload of its connection_init."""
        try:
            context.caller = await self._authenticator.authenticate_payload(
                context.connection_params
            )
        except RequestFailure as failure:
            raise ConnectionRejectionError({"code": failure.code}) from failure
        return UNSET  # a bare connection_ack

    def is_websocket_request(self, request: web.Request) -> TypeGuard[web.Request]:
        """Tell whether a request opens a socket, without building a response to find out."""
        return "Upgrade" in request.headers and super().is_websocket_request(request)

    async def create_websocket_response(
        self, request: web.Request, subprotocol: str | None
    ) -> web.WebSocketResponse:
        """Open a socket; a message beyond the limit closes it with 1009."""
        protocols = [subprotocol] if subprotocol else []
        socket = web.WebSocketResponse(protocols=protocols, max_msg_size=self._max_message_bytes)
        await socket.prepare(request)
        return socket

    def decode_json(self, data: str | bytes) -> object:
        """Read a message of a socket."""
        return strict_json.decode(data)


def _wants_page(request: web.Request) -> bool:
    """Tell whether a browser asks for GraphiQL; the page itself needs no key."""
    return (
        request.method in ("GET", "HEAD")
        and not {"query", "extensions"} & request.query.keys()
        and "text/html" in request.headers.get(ACCEPT, "")
    )

"""The GraphQL endpoint: HTTP and websocket requests into the schema, its answers out."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, TypeGuard

from aiohttp import ClientConnectionResetError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge
from aiohttp.web_protocol import RequestPayloadError
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from strawberry.aiohttp.views import AiohttpWebSocketAdapter, GraphQLView
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UNSET

from gateway.caller import Caller
from gateway.context import Context
from gateway.errors import (
    NamespaceRequired,
    PersistedQueryNotFound,
    RequestFailure,
    Unauthenticated,
    Unavailable,
)
from gateway.http import strict_json
from gateway.http.persisted import PersistedTexts
from gateway.namespaces.authentication import Authenticator
from gateway.planner.outcome import Outcome
from gateway.schema import GatewaySchema

MakeContext = Callable[[Caller], Context]

# A client that sent a hash alone reads the answer, and sends the text as well.
_STATUS = {
    Unauthenticated: 401,
    NamespaceRequired: 400,
    PersistedQueryNotFound: 200,
    Unavailable: 503,
}


class _TextSockets(AiohttpWebSocketAdapter):
    """Sends text frames: orjson makes bytes, and clients refuse binary frames."""

    async def send_json(self, message: Any) -> None:
        try:
            await self.ws.send_str(strict_json.encode(message).decode())
        except (RuntimeError, ClientConnectionResetError) as error:
            raise WebSocketDisconnected from error


class View(GraphQLView[Context, Outcome | None]):
    """Strawberry's view, with our JSON, our authentication and our errors."""

    websocket_adapter_class = _TextSockets

    def __init__(
        self,
        schema: GatewaySchema,
        authenticator: Authenticator,
        make_context: MakeContext,
        persisted: PersistedTexts,
    ) -> None:
        super().__init__(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
        self._gateway_schema = schema
        self._persisted = persisted
        self._authenticator = authenticator
        self._make_context = make_context

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; whatever goes wrong is told as GraphQL tells errors."""
        if self._wants_page(request):
            return await self.render_graphql_ide(request)
        try:
            return await self._quick_answer(request) or await self.run(request=request)
        except RequestFailure as failure:
            return refusal(failure)
        except HTTPException as error:
            return _answer(error.status_code, error.reason or "Bad request", "BAD_USER_INPUT")
        except HTTPRequestEntityTooLarge:
            return _answer(413, "the body is larger than this gateway takes", "LIMIT_EXCEEDED")
        except (RequestPayloadError, HttpProcessingError):
            return _answer(400, "the body is not encoded as its headers say", "BAD_USER_INPUT")

    async def _quick_answer(self, request: web.Request) -> web.StreamResponse | None:
        """Answer a POST of what has a short road; None for all others."""
        if request.method != "POST" or request.content_type != "application/json":
            return None
        context = await self.get_context(request, None)  # the key before the body
        try:
            body = strict_json.decode(await request.read())
        except ValueError:
            return None
        if not isinstance(body, dict):
            return None
        query, variables = body.get("query"), body.get("variables")
        if isinstance(query, str | NoneType):
            query = self._persisted.text_of(query, body.get("extensions"))
        name = body.get("operationName")
        if (
            not isinstance(query, str)
            or not isinstance(variables, dict | NoneType)
            or not isinstance(name, str | NoneType)
        ):
            return None
        answer = await self._gateway_schema.answer(query, variables or {}, name, context)
        if answer is None:
            return None
        if isinstance(answer, Outcome):
            return await self.run(request=request, context=context, root_value=answer)
        return web.Response(body=answer, content_type="application/json")

    def _wants_page(self, request: web.Request) -> bool:
        """Tell whether a browser asks for GraphiQL; the page itself needs no key."""
        return (
            request.method == "GET"
            and not {"query", "extensions"} & request.query.keys()
            and "text/html" in request.headers.get("Accept", "")
        )

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

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:  # noqa: ARG002
        """Tell that nobody else wants the page: `_wants_page` has seen to those who do."""
        return False

    def decode_json(self, data: str | bytes) -> object:
        """Read strict JSON."""
        return strict_json.decode(data)

    def parse_json(self, data: str | bytes) -> Any:
        """Read a body, or one of a GET's parameters, which are objects all of them."""
        value = super().parse_json(data)
        if not isinstance(value, dict):
            raise HTTPException(400, 'A request is one JSON object, as in {"query": "…"}')
        return value

    def encode_json(self, data: object) -> bytes:
        """Write an answer."""
        return strict_json.encode(data)

    async def parse_http_body(
        self, request: AsyncHTTPRequestAdapter
    ) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Read a request; a hash becomes the text that it stands for."""
        data = await super().parse_http_body(request)
        if isinstance(data, GraphQLRequestData):
            data.query = self._persisted.text_of(data.query, data.extensions)
        return data

    def create_response(self, response_data: Any, sub_response: web.Response) -> web.Response:
        """Return the answer's bytes as they are."""
        sub_response.body = strict_json.encode(response_data)
        sub_response.content_type = "application/json"
        return sub_response


def refusal(failure: RequestFailure) -> web.Response:
    """Return the answer to a request that does not reach the schema."""
    response = _answer(_STATUS.get(type(failure), 400), failure.message, failure.code)
    if isinstance(failure, Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(failure, PersistedQueryNotFound):
        response.headers["Cache-Control"] = "no-store"  # the next answer to this GET is another
    return response


def _answer(status: int, message: str, code: str) -> web.Response:
    error = GraphQLError(message, extensions={"code": code})
    body = strict_json.encode({"errors": [error.formatted]})
    return web.Response(status=status, body=body, content_type="application/json")

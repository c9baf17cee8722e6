"""The GraphQL endpoint: requests into the schema, its answers out."""

from __future__ import annotations

import logging

from aiohttp import HttpVersion11, web
from aiohttp.hdrs import ACCEPT, ALLOW
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge
from aiohttp.web_protocol import RequestPayloadError
from graphql import OperationType as AskedType
from multidict import istr
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.graphql import OperationType

from gateway.context import Context
from gateway.errors import DeadlineExceeded, RequestFailure, Unexpected
from gateway.http import answers, cost
from gateway.http.answers import Refused
from gateway.http.bodies import Bodies, BodyStalled
from gateway.http.event_streams import stream
from gateway.http.finished import Finished
from gateway.http.graphiql.page import read_page
from gateway.http.graphiql.policy import policy_of
from gateway.http.headers import CONTENT_SECURITY_POLICY, Headers
from gateway.http.live.parts import LiveParts
from gateway.http.media_types import EVENTS, JSON, accept_of, answer_type, wants_events
from gateway.http.requests import Asked, at_hand, awaited, check_body_type, read_body, read_url
from gateway.http.sockets.handshake import wants_socket
from gateway.http.sockets.opening import serve_socket
from gateway.observing import notes
from gateway.planner.outcome import Outcome

logger = logging.getLogger(__name__)

IDEMPOTENCY_KEY = istr("Idempotency-Key")
METHODS = "GET, HEAD, POST, OPTIONS"
_TAKEN_BY_GET = frozenset({OperationType.QUERY})
_TAKEN_BY_POST = frozenset({OperationType.QUERY, OperationType.MUTATION})


class View:
    """The endpoint: HTTP is answered here, websockets and event streams by their folders.

    Args:
        bodies: What looks at those that are on their way.
    """

    def __init__(self, parts: LiveParts, bodies: Bodies, headers: Headers) -> None:
        self._parts = parts
        self._bodies = bodies
        self._headers = headers
        self._schema = parts.schema
        self._edge = parts.edge
        self._page = read_page()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; whatever goes wrong is told as GraphQL tells errors."""
        if _wants_page(request):
            return self._graphiql()
        accept = accept_of(request.headers)
        media_type = answer_type(accept)
        try:
            if wants_socket(request):  # whose operations are requests of their own
                self._parts.origins.check(request.headers)
                return await serve_socket(request, self._parts)
            self._edge.begun(request.headers)
            if wants_events(accept) and request.method in ("GET", "POST"):
                self._parts.origins.check(request.headers)
                response = await self._answer(request, EVENTS)
            else:
                response = await self._answer(request, media_type)
        except RequestFailure as failure:
            response = answers.of_failure(failure, media_type or JSON)
        except Refused as refused:
            response = answers.of_refused(refused, media_type or JSON)
        except BodyStalled as stalled:
            response = answers.of_refused(Refused(str(stalled), status=408), media_type or JSON)
            _give_up_reading(request, response)
        except HTTPRequestEntityTooLarge:
            too_large = answers.too_large(request.client_max_size)
            response = answers.of_failure(too_large, media_type or JSON)
            response.set_status(413)
        except (RequestPayloadError, HttpProcessingError) as error:
            logger.info("a body is not encoded as its headers say: %r", error)
            undecodable = Refused("the body is not encoded as its headers say")
            response = answers.of_refused(undecodable, media_type or JSON)
            _give_up_reading(request, response)
        except Exception:
            logger.exception("unexpected error")
            response = answers.of_failure(Unexpected(notes.request_id()), media_type or JSON)
        self._edge.ended()
        return response if request.method == "POST" else answers.varying(response)

    async def _answer(self, request: web.Request, media_type: str | None) -> web.StreamResponse:
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
        context = await self._context(request)  # the key before the body
        if not is_post:
            asked = read_url(request)
        elif request.content.is_eof():  # most bodies come with their headers
            asked = read_body(at_hand(request))
        else:
            with self._bodies.expected(request):
                asked = read_body(await awaited(request))
        text = self._parts.persisted.text_of(asked.query, asked.extensions)
        if not text:
            raise Refused("query is missing; it has to be a document of GraphQL")
        follows = self._parts.follows
        if media_type is EVENTS and follows and self._is_subscription(text, asked.name):
            return await stream.answer(request, self._parts, follows, text, asked, context)
        outcome = None
        try:
            with self._schema.clock.operation():
                if is_post:
                    quick = await self._schema.answer(text, asked.variables, asked.name, context)
                    if isinstance(quick, bytes):
                        return self._finished(request, quick, media_type)
                    outcome = quick
                return await self._execute(
                    text, asked, context, outcome, media_type, is_post=is_post
                )
        except DeadlineExceeded as failure:
            return answers.of_stopped(failure, media_type)

    def _finished(self, request: web.Request, body: bytes, media_type: str) -> web.StreamResponse:
        is_usual = request.keep_alive and request.version == HttpVersion11
        if media_type is EVENTS or not is_usual:
            return answers.finished(body, media_type)
        return Finished(request.writer, self._headers.text_of(request, media_type, body))

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
            result = await self._schema.execute(
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
                f" {GRAPHQL_TRANSPORT_WS_PROTOCOL}, or with Accept: text/event-stream"
            ) from error
        return answers.of_result(result, media_type)

    def _is_subscription(self, text: str, name: str | None) -> bool:
        return self._schema.type_of(text, name) is AskedType.SUBSCRIPTION

    def _graphiql(self) -> web.Response:
        headers = {CONTENT_SECURITY_POLICY: policy_of(self._page)}
        return web.Response(text=self._page, content_type="text/html", headers=headers)

    async def _context(self, request: web.Request) -> Context:
        door = self._parts.door
        context = self._parts.make_context(await door.admit(request))
        context.address = door.address_of(request)
        context.idempotency_key = request.headers.get(IDEMPOTENCY_KEY)
        context.reports_cost = cost.is_asked_for(request.headers.get(cost.HEADER))
        return context


def _give_up_reading(request: web.Request, response: web.StreamResponse) -> None:
    """Keep aiohttp from reading on: it would meet the same error, and log all that led to it."""
    request.content.feed_eof()
    response.force_close()


def _wants_page(request: web.Request) -> bool:
    """Tell whether a browser asks for GraphiQL; the page itself needs no key."""
    return (
        request.method in ("GET", "HEAD")
        and "text/html" in request.headers.get(ACCEPT, "")
        and not {"query", "extensions"} & request.query.keys()
    )

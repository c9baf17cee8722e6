"""Answers to requests, as bytes with their status.

A request that was executed has ``data`` and the status 200. One that was not has no ``data``; in
plain JSON its status is 200 all the same, for a client cannot know there who wrote an answer with
another one, and in application/graphql-response+json it is 4xx or 5xx.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.hdrs import ALLOW, CACHE_CONTROL, CONTENT_TYPE, VARY, WWW_AUTHENTICATE
from graphql import GraphQLError
from strawberry.types import ExecutionResult

from gateway.errors import (
    BadUserInput,
    Forbidden,
    GatewayError,
    LimitExceeded,
    PersistedQueryNotFound,
    RequestFailure,
    Unauthenticated,
    Unavailable,
)
from gateway.http import strict_json
from gateway.http.media_types import RESPONSE_JSON

BAD_REQUEST = 400
# What the endpoint depends on besides the URL; it matters to caches of GET.
_VARIES = "Accept, Authorization, X-Namespace"
_STATUS = {
    Unauthenticated.code: 401,
    Forbidden.code: 403,
    GatewayError.code: 500,
    Unavailable.code: 503,
}


class Refused(Exception):
    """A request that is no request to the schema: what HTTP says of it.

    Args:
        headers: Of the answer, besides those that each has.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
        code: str = BadUserInput.code,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = headers or {}
        self.code = code


def finished(body: bytes, media_type: str) -> web.Response:
    """Return an answer that is written already."""
    return web.Response(body=body, headers={CONTENT_TYPE: media_type})


def of_result(result: ExecutionResult, media_type: str) -> web.Response:
    """Return the answer of an operation that was executed, or refused before that."""
    errors = result.errors or []
    # Only what was executed has a place in the answer to tell of.
    is_refused = result.data is None and bool(errors) and all(not each.path for each in errors)
    answer: dict[str, Any] = {} if is_refused else {"data": result.data}
    if errors:
        answer["errors"] = [each.formatted for each in errors]
    if result.extensions:
        answer["extensions"] = result.extensions
    response = finished(strict_json.encode(answer), media_type)
    if is_refused and media_type is RESPONSE_JSON:
        code = (errors[0].extensions or {}).get("code")
        response.set_status(_STATUS.get(str(code), BAD_REQUEST))
    return response


def of_failure(failure: RequestFailure, media_type: str) -> web.Response:
    """Return the answer to a request that does not reach the schema."""
    error = GraphQLError(failure.message, original_error=failure)
    response = finished(strict_json.encode({"errors": [error.formatted]}), media_type)
    response.set_status(_STATUS.get(failure.code, BAD_REQUEST))
    if isinstance(failure, Unauthenticated):
        response.headers[WWW_AUTHENTICATE] = "Bearer"
    if isinstance(failure, PersistedQueryNotFound):
        response.set_status(200)  # clients read on, and send the text as well
        response.headers[CACHE_CONTROL] = "no-store"  # the next answer to this GET is another
    return response


def of_refused(refused: Refused, media_type: str) -> web.Response:
    """Return the answer to what is no request to the schema."""
    error = GraphQLError(refused.message, extensions={"code": refused.code})
    response = finished(strict_json.encode({"errors": [error.formatted]}), media_type)
    response.set_status(refused.status)
    response.headers.update(refused.headers)
    return response


def allowed(methods: str) -> web.Response:
    """Return what OPTIONS is answered with."""
    return web.Response(status=204, headers={ALLOW: methods})


def too_large(most_bytes: int) -> RequestFailure:
    """Return the failure of a body beyond its limit; nobody has counted the rest of it."""
    return LimitExceeded(
        f"the body has more than {most_bytes} bytes; the most is {most_bytes}",
        limit="bodyBytes",
        value=most_bytes + 1,
        maximum=most_bytes,
    )


def varying(response: web.Response) -> web.Response:
    """Say what else than the URL decided an answer to GET."""
    response.headers[VARY] = _VARIES
    return response

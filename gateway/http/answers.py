"""Answers to requests, as bytes with their status.

A request that was executed has ``data`` and the status 200. One that was not has no ``data``; in
plain JSON its status is 200 all the same, for a client cannot know there who wrote an answer with
another one, and in application/graphql-response+json it is 4xx or 5xx.

An outage of which nothing could be answered is told in one way wherever it was met, before an
operation or in all of its fields: without ``data``, by 503 in both media types, so that a proxy or
a client sends it again, perhaps to another gateway.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.hdrs import ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE
from graphql import GraphQLError
from strawberry.types import ExecutionResult

from gateway.errors import (
    BadUserInput,
    DeadlineExceeded,
    Forbidden,
    GatewayError,
    LimitExceeded,
    PersistedQueryNotFound,
    RequestFailure,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from gateway.http import cost, strict_json
from gateway.http.event_streams import events
from gateway.http.media_types import EVENTS, RESPONSE_JSON
from gateway.observing import notes

BAD_REQUEST = 400
# What the endpoint depends on besides the URL; it matters to caches of GET.
_VARIES = f"Accept, Authorization, X-Namespace, {cost.HEADER}"
_STATUS = {
    Unauthenticated.code: 401,
    Forbidden.code: 403,
    GatewayError.code: 500,
    Unavailable.code: 503,
    DeadlineExceeded.code: 504,
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
    if media_type is EVENTS:
        body = events.only_result(body)
    return web.Response(body=body, headers={CONTENT_TYPE: media_type})


def is_refused(result: ExecutionResult) -> bool:
    """Tell whether an operation was refused before it was executed."""
    # Only what was executed has a place in the answer to tell of.
    errors = result.errors or []
    return result.data is None and bool(errors) and all(not each.path for each in errors)


def body_of(result: ExecutionResult) -> bytes:
    """Return the result of an operation as JSON."""
    answer: dict[str, Any] = {} if is_refused(result) else {"data": result.data}
    if result.errors:
        answer["errors"] = [each.formatted for each in result.errors]
    if result.extensions:
        answer["extensions"] = result.extensions
    return strict_json.encode(answer)


def of_result(result: ExecutionResult, media_type: str) -> web.Response:
    """Return the answer of an operation that was executed, or refused before that."""
    errors = result.errors or []
    if errors and not _has_any(result.data) and all(map(_is_outage, errors)):
        return of_failure(Unavailable(errors[0].message), media_type)
    response = finished(body_of(result), media_type)
    if is_refused(result) and media_type is RESPONSE_JSON:
        code = (errors[0].extensions or {}).get("code")
        response.set_status(_STATUS.get(str(code), BAD_REQUEST))
    return response


def _has_any(data: Mapping[str, Any] | None) -> bool:
    return data is not None and any(each is not None for each in data.values())


def _is_outage(error: GraphQLError) -> bool:
    return (error.extensions or {}).get("code") == Unavailable.code


def error_of(failure: RequestFailure) -> GraphQLError:
    """Return the error by which a failure of the whole request is shown."""
    notes.failed(failure.code)
    return GraphQLError(failure.message, original_error=failure)


def of_stopped(failure: DeadlineExceeded, media_type: str) -> web.Response:
    """Return the answer of an operation that was stopped while it was executed."""
    return of_result(ExecutionResult(data=None, errors=[error_of(failure)]), media_type)


def of_failure(failure: RequestFailure, media_type: str) -> web.Response:
    """Return the answer to a request that does not reach the schema."""
    response = finished(strict_json.encode({"errors": [error_of(failure).formatted]}), media_type)
    response.set_status(_STATUS.get(failure.code, BAD_REQUEST))
    if isinstance(failure, Unauthenticated):
        response.headers[WWW_AUTHENTICATE] = "Bearer"
    if isinstance(failure, TooManyRequests):
        response.set_status(429)
        response.headers[RETRY_AFTER] = str(math.ceil(failure.wait_s))
    if isinstance(failure, Unavailable):
        response.headers[RETRY_AFTER] = "1"
    if isinstance(failure, PersistedQueryNotFound):
        response.set_status(200)  # clients read on, and send the text as well
        response.headers[CACHE_CONTROL] = "no-store"  # the next answer to this GET is another
    return response


def of_refused(refused: Refused, media_type: str) -> web.Response:
    """Return the answer to what is no request to the schema."""
    notes.failed(refused.code)
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


def varying(response: web.StreamResponse) -> web.StreamResponse:
    """Say what else than the URL decided an answer to GET."""
    response.headers[VARY] = _VARIES
    return response

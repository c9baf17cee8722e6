"""GraphQL requests out of HTTP's, read strictly: nothing is guessed, nothing is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from aiohttp import web
from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_TYPE

from gateway.http import strict_json
from gateway.http.answers import Refused
from gateway.http.media_types import TAKEN, is_json
from gateway.wording import kind_of, listed, shortened

_KINDS: Mapping[str, type[str] | type[dict[str, Any]]] = {
    "query": str,
    "operationName": str,
    "variables": dict,
    "extensions": dict,
}
_SAID: Mapping[type, str] = {str: "a string", dict: "an object"}
_JSON_IN_URL = ("variables", "extensions")
_EXAMPLE = '{"query": "{ viewer { namespace { namespaceName } } }"}'
# What aiohttp decodes without further packages; anything else it hands over as it came.
_ENCODINGS = ("", "identity", "gzip", "deflate")
_NOT_JSON = {"Accept-Post": TAKEN}


class Asked(NamedTuple):
    """A request to the schema; the text may have to be found by the extensions."""

    query: str | None
    name: str | None
    variables: dict[str, Any]
    extensions: dict[str, Any] | None


def at_hand(request: web.BaseRequest) -> bytes:
    """Return a body that has come whole: what ``read`` returns, in a third of the time.

    Raises:
        HTTPRequestEntityTooLarge: It is too long.
        RequestPayloadError: It is not encoded as its headers say.
    """
    body = request.content.read_nowait()
    if len(body) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size)
    return body


async def awaited(request: web.Request) -> bytes:
    """Return a body that is on its way.

    Raises:
        Refused: The connection is lost.
        HTTPRequestEntityTooLarge, RequestPayloadError: As ``at_hand`` does.
    """
    try:
        return await request.read()
    except ConnectionError as error:  # nobody is left to hear it, and nothing of ours has failed
        raise Refused("the connection was lost before the body was whole") from error


def read_body(body: bytes) -> Asked:
    """Return what the body of a POST asks for.

    Raises:
        Refused: It cannot be read as that.
    """
    if not body:
        raise Refused(f"the body is empty; a request is one JSON object, as in {_EXAMPLE}")
    try:
        value = strict_json.decode(body)
    except orjson.JSONDecodeError as error:
        raise Refused(
            f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from error
    if isinstance(value, list):
        raise Refused(
            "the body is an array; batches are not taken, so send each request by itself, as one"
            " object"
        )
    if not isinstance(value, dict):
        raise Refused(
            f"the body is {kind_of(value)}; a request is one JSON object, as in {_EXAMPLE}"
        )
    return _asked(value)


def check_body_type(request: web.Request) -> None:
    """Refuse a body that is anything else than JSON, before it is read.

    Raises:
        Refused: It is.
    """
    content_type = request.headers.get(CONTENT_TYPE, "")
    if not is_json(content_type):
        given = repr(shortened(content_type)) if content_type else "missing"
        raise Refused(
            f"Content-Type is {given}; the body has to be {TAKEN}, in UTF-8",
            status=415,
            headers=_NOT_JSON,
        )
    encoding = request.headers.get(CONTENT_ENCODING, "")
    if encoding.lower() not in _ENCODINGS:
        raise Refused(
            f"Content-Encoding is {shortened(encoding)!r}; it may be gzip or deflate",
            status=415,
            headers={"Accept-Encoding": "gzip, deflate"},
        )


def read_url(request: web.Request) -> Asked:
    """Return what the URL of a GET asks for.

    Raises:
        Refused: It cannot be read as that.
    """
    given: dict[str, Any] = {}
    for name, text in request.query.items():
        if name in given:
            raise Refused(f"the URL has {shortened(name)} more than once")
        given[name] = text or None  # a form cannot say null
    for name in _JSON_IN_URL:
        if given.get(name) is not None:
            given[name] = _decoded(name, given[name])
    return _asked(given)


def _decoded(name: str, text: str) -> Any:
    try:
        return strict_json.decode(text)
    except ValueError as error:
        raise Refused(f"{name} of the URL is not JSON: {error}") from error


def _asked(given: dict[str, Any]) -> Asked:
    for name, value in given.items():
        kind = _KINDS.get(name)
        if kind is None:
            raise _unknown_names(given)
        if value is not None and not isinstance(value, kind):
            raise Refused(f"{name} is {kind_of(value)}; it has to be {_SAID[kind]}")
    return Asked(
        given.get("query"),
        given.get("operationName"),
        given.get("variables") or {},
        given.get("extensions"),
    )


def _unknown_names(given: dict[str, Any]) -> Refused:
    unknown = ", ".join(map(shortened, listed(sorted(given.keys() - _KINDS.keys())) or ()))
    return Refused(
        f"a request has no {unknown or 'such names'}; it has query, operationName, variables and"
        " extensions"
    )

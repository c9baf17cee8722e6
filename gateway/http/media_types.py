"""Which media type an answer has, and which a body may have."""

from __future__ import annotations

import re
from functools import lru_cache

from aiohttp.hdrs import ACCEPT
from multidict import MultiMapping

JSON = "application/json; charset=utf-8"
# By this type a client sees from the status whether a request was executed; see `answers`.
RESPONSE_JSON = "application/graphql-response+json; charset=utf-8"
TAKEN = "application/json"
EVENTS = "text/event-stream; charset=utf-8"

_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_NAMES = ("application/json", "application/graphql-response+json")
_UTF8 = ("utf-8", "utf8")


def accept_of(headers: MultiMapping[str]) -> str:
    """Return the ``Accept`` of a request, empty if it has none."""
    accepts = headers.getall(ACCEPT, ())
    return accepts[0] if len(accepts) == 1 else ", ".join(accepts)


@lru_cache(256)
def answer_type(accept: str) -> str | None:
    """Return the media type by which an ``Accept`` is answered best; None if by none.

    Without a header it is plain JSON, and so it is for a client that takes anything: those that
    know the other type name it.
    """
    if not accept.strip():
        return JSON
    weights = _weights(accept)
    otherwise = weights.get("application/*", weights.get("*/*", 0))
    plain = weights.get("application/json", otherwise)
    response = weights.get("application/graphql-response+json", otherwise)
    if not max(plain, response):
        return None
    if response > plain:
        return RESPONSE_JSON
    named = "application/graphql-response+json" in weights
    return RESPONSE_JSON if named and response == plain else JSON


@lru_cache(256)
def wants_events(accept: str) -> bool:
    """Tell whether an ``Accept`` asks for an answer as SSE.

    Not if it names JSON as well: urql names both on every query, and reads JSON.
    """
    weights = _weights(accept)
    return bool(weights.get("text/event-stream")) and not any(map(weights.get, _NAMES))


@lru_cache(256)
def is_json(content_type: str) -> bool:
    """Tell whether a ``Content-Type`` says that a body is JSON in UTF-8."""
    name, parameters = _parsed(content_type.lower())
    return name == TAKEN and parameters.get("charset", "utf-8") in _UTF8


def _weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for each in accept.lower().split(","):
        name, parameters = _parsed(each)
        weight = parameters.get("q", "1")
        if _WEIGHT.fullmatch(weight) and parameters.get("charset", "utf-8") in _UTF8:
            weights[name] = max(float(weight), weights.get(name, 0))
    return weights


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    name, *rest = text.split(";")
    parameters = (each.partition("=") for each in rest)
    return name.strip(), {key.strip(): value.strip().strip('"') for key, _, value in parameters}

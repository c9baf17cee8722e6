"""Which media type an answer has, and which a body may have."""

from __future__ import annotations

import re
from functools import lru_cache

JSON = "application/json; charset=utf-8"
# By this type a client sees from the status whether a request was executed; see `answers`.
RESPONSE_JSON = "application/graphql-response+json; charset=utf-8"
TAKEN = "application/json"

_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_UTF8 = ("utf-8", "utf8")


@lru_cache(256)
def answer_type(accept: str) -> str | None:
    """Return the media type by which an ``Accept`` is answered best; None if by none.

    Without a header it is plain JSON, and so it is for a client that takes anything: those that
    know the other type name it.
    """
    if not accept.strip():
        return JSON
    weights: dict[str, float] = {}
    for each in accept.lower().split(","):
        name, parameters = _parsed(each)
        weight = parameters.get("q", "1")
        if _WEIGHT.fullmatch(weight) and parameters.get("charset", "utf-8") in _UTF8:
            weights[name] = max(float(weight), weights.get(name, 0))
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
def is_json(content_type: str) -> bool:
    """Tell whether a ``Content-Type`` says that a body is JSON in UTF-8."""
    name, parameters = _parsed(content_type.lower())
    return name == TAKEN and parameters.get("charset", "utf-8") in _UTF8


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    name, *rest = text.split(";")
    parameters = (each.partition("=") for each in rest)
    return name.strip(), {key.strip(): value.strip().strip('"') for key, _, value in parameters}

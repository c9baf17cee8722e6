"""What clients send on a socket, read strictly: each message is one of these, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from gateway.http import strict_json
from gateway.http.requests import Asked
from gateway.wording import kind_of

# It is in every message about the operation; UUIDs have 36.
MOST_ID_CHARACTERS = 255
_OF_SERVERS = ("connection_ack", "next", "error")


class BadMessage(Exception):
    """Something that is no message of the protocol; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The first message: the payload shows the key."""

    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Ping:
    """Is to be answered, with the same payload; here it is JSON."""

    payload: bytes | None


@dataclass(frozen=True, slots=True)
class Pong:
    """Needs no answer."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Asks for an operation, of whatever type it is."""

    id: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class Complete:
    """The client wants nothing more of an operation."""

    id: str


ClientMessage = ConnectionInit | Ping | Pong | Subscribe | Complete


def read(text: str) -> ClientMessage:
    """Return the message that a text is.

    Raises:
        BadMessage: It is none.
    """
    try:
        value = strict_json.decode(text)
    except orjson.JSONDecodeError as error:
        raise BadMessage(f"Invalid message: not JSON ({error.msg})") from error
    if not isinstance(value, dict):
        raise BadMessage(f"Invalid message: {kind_of(value)}; it has to be an object")
    match value.get("type"):
        case "connection_init":
            return ConnectionInit(_object(value, "payload"))
        case "ping":
            return Ping(_returned(_object(value, "payload")))
        case "pong":
            _object(value, "payload")
            return Pong()
        case "subscribe":
            return Subscribe(_id(value), _asked(value.get("payload")))
        case "complete":
            return Complete(_id(value))
        case str() as of_server if of_server in _OF_SERVERS:
            raise BadMessage(f"Unexpected message of type {of_server} received")
    raise BadMessage(
        "Invalid message: type has to be connection_init, ping, pong, subscribe or complete"
    )


def _returned(payload: dict[str, Any] | None) -> bytes | None:
    try:
        return None if payload is None else orjson.dumps(payload)
    except orjson.JSONEncodeError as error:  # which reads deeper than it writes
        raise BadMessage("Invalid message: payload is nested too deep to be sent back") from error


def _id(message: dict[str, Any]) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= MOST_ID_CHARACTERS:
        raise BadMessage(
            f"Invalid message: id has to be a string of 1 to {MOST_ID_CHARACTERS} characters"
        )
    return id


def _asked(payload: object) -> Asked:
    if not isinstance(payload, dict):
        raise BadMessage(f"Invalid message: payload is {kind_of(payload)}; it has to be an object")
    extensions = _object(payload, "extensions")
    # A document that is asked for by its hash has no text.
    query = _string(payload, "query")
    if query is None and extensions is None:
        raise BadMessage("Invalid message: payload.query is missing; it has to be a string")
    return Asked(
        query, _string(payload, "operationName"), _object(payload, "variables") or {}, extensions
    )


def _object(holder: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = holder.get(name)
    if value is not None and not isinstance(value, dict):
        raise BadMessage(f"Invalid message: {name} is {kind_of(value)}; it has to be an object")
    return value


def _string(holder: dict[str, Any], name: str) -> str | None:
    value = holder.get(name)
    if value is not None and not isinstance(value, str):
        raise BadMessage(f"Invalid message: {name} is {kind_of(value)}; it has to be a string")
    return value

"""What is written on a socket, as bytes: whole frames, never masked and never compressed."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from gateway.events.following import Message
from gateway.http import strict_json

PING = b"\x89\x00"
ACK = b'\x81\x19{"type":"connection_ack"}'
_TEXT, _CLOSE, _PONG = 0x81, 0x88, 0x8A
_MOST_OF_CONTROL_BYTES = 125


def text(payload: bytes) -> bytes:
    """Return a message as a frame."""
    return _header(len(payload)) + payload


def pong(payload: bytes) -> bytes:
    """Return the answer to a ping of websockets, which is not the one of the protocol."""
    return bytes((_PONG, len(payload))) + payload


def close(code: int, reason: str) -> bytes:
    """Return the last frame; as much of the reason as fits."""
    most = _MOST_OF_CONTROL_BYTES - 2
    told = reason.encode()[:most].decode(errors="ignore").encode()
    return bytes((_CLOSE, len(told) + 2)) + code.to_bytes(2, "big") + told


def protocol_pong(payload: bytes | None) -> bytes:
    """Return the answer to a ping of the protocol; ``payload`` is JSON."""
    if payload is None:
        return text(b'{"type":"pong"}')
    return text(b'{"type":"pong","payload":%b}' % payload)


def before_results(id: str) -> bytes:
    """Return what is before each result of an operation; a brace ends the message."""
    return b'{"id":' + orjson.dumps(id) + b',"type":"next","payload":'


def results(before: bytes, messages: Sequence[Message]) -> bytes:
    """Return results as the frames of one subscriber."""
    if len(messages) == 1:
        return _result(before, messages[0].json)
    return b"".join([_result(before, each.json) for each in messages])


def only_result(before: bytes, id: str, json: bytes) -> bytes:
    """Return the frames of an operation that has one result."""
    return _result(before, json) + complete(id)


def complete(id: str) -> bytes:
    """Return the end of an operation."""
    return text(b'{"id":' + orjson.dumps(id) + b',"type":"complete"}')


def errors(id: str, errors: Sequence[Any]) -> bytes:
    """Return why an operation was not executed."""
    return text(strict_json.encode({"id": id, "type": "error", "payload": errors}))


def _result(before: bytes, json: bytes) -> bytes:
    return b"".join((_header(len(before) + len(json) + 1), before, json, b"}"))


@lru_cache(maxsize=1024)
def _header(length: int) -> bytes:
    if length < 126:
        return bytes((_TEXT, length))
    if length < 65_536:
        return struct.pack("!BBH", _TEXT, 126, length)
    return struct.pack("!BBQ", _TEXT, 127, length)

"""graphql-transport-ws: what is answered, and with which code a socket is closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from gateway.http.live.rules import LiveRules
from gateway.settings import Settings

from .conftest import Served, Serving
from .raw_socket import BINARY, CLOSE, PING, PONG, TEXT, raw_socket

VIEWER = "{ viewer { namespace { namespaceName } } }"
ANSWER = {"data": {"viewer": {"namespace": {"namespaceName": "default"}}}}
SUBPROTOCOL = "graphql-transport-ws"


@pytest.fixture
async def ws(served: Served) -> AsyncIterator[ClientWebSocketResponse]:
    """A socket that has shown nothing yet."""
    async with served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as ws:
        yield ws


async def let_in(ws: ClientWebSocketResponse, served: Served) -> None:
    await ws.send_json({"type": "connection_init", "payload": served.headers})
    assert await ws.receive_json() == {"type": "connection_ack"}


async def closing(ws: ClientWebSocketResponse) -> tuple[int, str]:
    """Return code and reason of the end."""
    message = await ws.receive()
    assert message.type is WSMsgType.CLOSE, message
    return message.data, message.extra or ""


async def is_served(ws: ClientWebSocketResponse) -> bool:
    """Tell whether a socket still answers."""
    await ws.send_json({"id": "again", "type": "subscribe", "payload": {"query": VIEWER}})
    answers = [await ws.receive_json(), await ws.receive_json()]
    return answers == [
        {"id": "again", "type": "next", "payload": ANSWER},
        {"id": "again", "type": "complete"},
    ]


@pytest.mark.parametrize(
    ("told", "ponged"),
    [
        ({}, {}),
        ({"payload": None}, {}),
        ({"payload": {}}, {"payload": {}}),
        ({"payload": {"at": [1, "é"]}}, {"payload": {"at": [1, "é"]}}),
    ],
)
async def test_pings_are_answered_before_and_after_a_key_is_shown(
    ws: ClientWebSocketResponse, served: Served, told: dict[str, Any], ponged: dict[str, Any]
) -> None:
    await ws.send_json({"type": "ping", **told})
    assert await ws.receive_json() == {"type": "pong", **ponged}

    await let_in(ws, served)
    await ws.send_json({"type": "pong", **told})
    await ws.send_json({"type": "ping", **told})
    assert await ws.receive_json() == {"type": "pong", **ponged}


async def test_a_query_has_one_result(ws: ClientWebSocketResponse, served: Served) -> None:
    await let_in(ws, served)

    assert await is_served(ws)
    assert await is_served(ws)  # its id is free again


def brief(frame: str) -> str:
    return f"{frame[:40]} {frame[-40:]}"


BAD = {
    "null": "Invalid message: null; it has to be an object",
    "1": "Invalid message: a number; it has to be an object",
    '"x"': "Invalid message: a string; it has to be an object",
    "[]": "Invalid message: an array; it has to be an object",
    "": "Invalid message: not JSON (",
    "{": "Invalid message: not JSON (",
    '{"type": NaN}': "Invalid message: not JSON (",
    '"\\ud800"': "Invalid message: not JSON (",
    "[" * 100_000: "Invalid message: not JSON (",
    '{"a":' * 100_000: "Invalid message: not JSON (",
    "{}": "Invalid message: type has to be connection_init, ping, pong, subscribe or complete",
    f'{{"type": "ping", "payload": {{"n": {"9" * 5000}}}}}': "Invalid message: not JSON (",
    '{"type": 1}': "Invalid message: type has to be",
    '{"type": ["ping"]}': "Invalid message: type has to be",
    '{"type": "start"}': "Invalid message: type has to be",
    '{"type": "next", "id": "1", "payload": {}}': "Unexpected message of type next received",
    '{"type": "connection_ack"}': "Unexpected message of type connection_ack received",
    '{"type": "connection_init", "payload": []}': "Invalid message: payload is an array",
    '{"type": "ping", "payload": "x"}': "Invalid message: payload is a string",
    '{"type": "ping", "payload": ' + '{"a":' * 400 + "1" + "}" * 401: (
        "Invalid message: payload is nested too deep to be sent back"
    ),
    '{"type": "pong", "payload": 1}': "Invalid message: payload is a number",
    '{"type": "complete"}': "Invalid message: id has to be a string of 1 to 255 characters",
    '{"type": "subscribe", "payload": {"query": "{a}"}}': "Invalid message: id has to be",
    '{"type": "subscribe", "id": {}, "payload": {"query": "{a}"}}': "Invalid message: id has",
    '{"type": "subscribe", "id": 1, "payload": {"query": "{a}"}}': "Invalid message: id has",
    '{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}': "Invalid message: id has",
    '{"type": "subscribe", "id": "1"}': "Invalid message: payload is null",
    '{"type": "subscribe", "id": "1", "payload": null}': "Invalid message: payload is null",
    '{"type": "subscribe", "id": "1", "payload": {}}': "Invalid message: payload.query is missing",
    '{"type": "subscribe", "id": "1", "payload": {"query": 1}}': "Invalid message: query is a num",
    '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}': (
        "Invalid message: variables is an array; it has to be an object"
    ),
    '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "operationName": 1}}': (
        "Invalid message: operationName is a number; it has to be a string"
    ),
    '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "extensions": "x"}}': (
        "Invalid message: extensions is a string; it has to be an object"
    ),
    json.dumps({"type": "complete", "id": "x" * 256}): "Invalid message: id has to be",
}


@pytest.mark.parametrize("frame", BAD, ids=brief)
async def test_what_is_no_message_closes_with_4400(
    ws: ClientWebSocketResponse, served: Served, frame: str
) -> None:
    await let_in(ws, served)
    await ws.send_str(frame)

    code, reason = await closing(ws)
    assert code == 4400
    assert reason.startswith(BAD[frame])


@pytest.mark.parametrize("frame", BAD, ids=brief)
async def test_so_it_does_before_a_key_is_shown(ws: ClientWebSocketResponse, frame: str) -> None:
    await ws.send_str(frame)

    assert (await closing(ws))[0] == 4400


async def test_binary_is_no_message(ws: ClientWebSocketResponse, served: Served) -> None:
    await let_in(ws, served)
    await ws.send_bytes(b'{"type": "ping"}')

    assert await closing(ws) == (4400, "Invalid message: binary; messages are text")


async def test_nulls_stand_for_what_is_left_out(
    ws: ClientWebSocketResponse, served: Served
) -> None:
    await let_in(ws, served)
    nulls = dict.fromkeys(["operationName", "variables", "extensions"])
    payload = {"query": VIEWER, **nulls, "key": "what some client adds"}
    await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})

    assert await ws.receive_json() == {"id": "1", "type": "next", "payload": ANSWER}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "Forbidden: an API key is needed: send"),
        ({}, "Forbidden: an API key is needed: send"),
        ({"Authorization": 1}, "Forbidden: Authorization is not what it has to be"),
        ({"Authorization": "Bearer sk_no"}, "Forbidden: this API key is unknown, or was revoked"),
        ({"Authorization": "Bearer KEY"}, "Forbidden: a namespace is needed: send X-Namespace"),
        (
            {"Authorization": "Bearer KEY", "X-Namespace": "nowhere"},
            "Forbidden: X-Namespace has to be the name or the id of a namespace",
        ),
    ],
)
async def test_who_shows_no_good_key_is_closed_with_4403(
    ws: ClientWebSocketResponse, served: Served, payload: Any, reason: str
) -> None:
    """Not with 4401, on which clients never come again, also not with a key that is good."""
    text = json.dumps({"type": "connection_init", "payload": payload})
    await ws.send_str(text.replace("KEY", served.secret))

    code, told = await closing(ws)
    assert code == 4403
    assert told.startswith(reason)


async def test_nothing_is_asked_before_a_key_is_shown(ws: ClientWebSocketResponse) -> None:
    await ws.send_json({"id": "1", "type": "subscribe", "payload": {"query": VIEWER}})

    assert await closing(ws) == (4401, "Unauthorized")


async def test_a_key_is_shown_once(ws: ClientWebSocketResponse, served: Served) -> None:
    await let_in(ws, served)
    await ws.send_json({"type": "connection_init", "payload": served.headers})

    assert await closing(ws) == (4429, "Too many initialisation requests")


async def test_a_key_is_shown_in_time(serving: Serving) -> None:
    async with (
        serving(Settings(), live_rules=LiveRules(init_s=0.05)) as served,
        served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as ws,
    ):
        await ws.send_json({"type": "ping"})
        assert await ws.receive_json() == {"type": "pong"}

        assert await closing(ws) == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize("subprotocol", [None, "graphql-ws", "graphql-transport-ws2, soap"])
async def test_another_subprotocol_is_not_acceptable(
    served: Served, subprotocol: str | None
) -> None:
    async with raw_socket(served.url, subprotocol=subprotocol) as raw:
        assert "Sec-WebSocket-Protocol" not in raw.headers
        assert await raw.closing() == (
            4406,
            "Subprotocol not acceptable; it has to be graphql-transport-ws",
        )


async def test_ours_is_found_among_others(served: Served) -> None:
    async with raw_socket(served.url, subprotocol="graphql-ws, graphql-transport-ws") as raw:
        assert "Sec-WebSocket-Protocol: graphql-transport-ws\r\n" in raw.headers


async def test_takes_a_list_of_subprotocols_in_several_lines(served: Served) -> None:
    lines = "".join(f"Sec-WebSocket-Protocol: {each}\r\n" for each in ("graphql-ws", SUBPROTOCOL))
    async with raw_socket(served.url, subprotocol=None, extra=lines) as raw:
        assert "Sec-WebSocket-Protocol: graphql-transport-ws\r\n" in raw.headers


async def test_nothing_is_compressed(served: Served) -> None:
    """Its state would be 90 KB a socket."""
    extra = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    async with raw_socket(served.url, extra=extra) as raw:
        assert "Sec-WebSocket-Extensions" not in raw.headers


HANDSHAKE = {
    "Upgrade": "WebSocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"Upgrade": "websocket, h2c"}, "Upgrade has to be websocket, and nothing else"),
        ({"Connection": "keep-alive"}, "Connection has to be Upgrade, by HTTP/1.1"),
        ({"Connection": "no-upgrade"}, "Connection has to be Upgrade, by HTTP/1.1"),
        ({"Sec-WebSocket-Version": "12"}, "Sec-WebSocket-Version has to be 13"),
        ({"Sec-WebSocket-Key": ""}, "Sec-WebSocket-Key has to be 16 bytes in base64"),
        ({"Sec-WebSocket-Key": "x" * 24}, "Sec-WebSocket-Key has to be 16 bytes in base64"),
        (
            {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ*=="},
            "Sec-WebSocket-Key has to be 16 bytes in base64",
        ),
    ],
)
async def test_no_handshake_is_a_request_error(
    served: Served, wrong: dict[str, str], reason: str
) -> None:
    headers = HANDSHAKE | wrong
    async with served.session.get(f"{served.url}/graphql", headers=headers) as answer:
        assert answer.status == 400
        (error,) = (await answer.json())["errors"]
        assert error["message"] == f"this is no handshake of a websocket: {reason}"
        is_of_version = "Sec-WebSocket-Version" in wrong
        assert answer.headers.get("Sec-WebSocket-Version") == ("13" if is_of_version else None)


@pytest.mark.parametrize("path", ["/graphql", "/graphql?from=here"])
async def test_is_accepted_as_the_standard_has_it(served: Served, path: str) -> None:
    """RFC 6455, section 1.3, has this key and what is made of it."""
    async with served.session.get(f"{served.url}{path}", headers=HANDSHAKE) as answer:
        assert answer.status == 101
        assert answer.headers["Upgrade"] == "websocket"
        assert answer.headers["Connection"] == "upgrade"
        assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


async def test_is_not_opened_by_an_old_protocol(served: Served) -> None:
    async with opening(served, version="1.0") as reader:
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.0 400 ")


async def test_takes_what_comes_together_with_the_handshake(served: Served) -> None:
    ping = b'{"type":"ping"}'
    async with opening(served, bytes((0x81, 0x80 | len(ping), 0, 0, 0, 0)) + ping) as reader:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert await reader.readexactly(17) == b'\x81\x0f{"type":"pong"}'


@asynccontextmanager
async def opening(
    served: Served, more: bytes = b"", *, version: str = "1.1"
) -> AsyncIterator[asyncio.StreamReader]:
    """Send a handshake and more at once; give what reads the answer."""
    headers = HANDSHAKE | {"Host": "gateway", "Sec-WebSocket-Protocol": SUBPROTOCOL}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    address = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET /graphql HTTP/{version}\r\n{lines}\r\n".encode() + more)
    try:
        async with asyncio.timeout(20):
            yield reader
    finally:
        writer.close()


async def test_a_browser_that_asks_for_no_socket_is_not_upgraded(served: Served) -> None:
    with pytest.raises(WSServerHandshakeError):
        await served.session.ws_connect(f"{served.url}/healthz")


async def test_a_message_may_come_in_pieces(served: Served) -> None:
    text = json.dumps({"type": "ping", "payload": {"é": "x" * 70_000}}).encode()
    async with raw_socket(served.url) as raw:
        raw.send_frame(TEXT, text[:15], is_final=False)
        raw.send_frame(PING, b"between")
        raw.send_frame(0, text[15:])

        assert await raw.receive_frame() == (PONG, b"between")
        assert await raw.receive() == {"type": "pong", "payload": {"é": "x" * 70_000}}


@pytest.mark.parametrize(
    ("opcode", "payload", "code"),
    [(TEXT, b"\xff", 1007), (BINARY, b"{}", 4400), (PING, b"x" * 126, 1002), (11, b"", 1002)],
)
async def test_what_is_no_websocket_is_closed(
    served: Served, opcode: int, payload: bytes, code: int
) -> None:
    async with raw_socket(served.url) as raw:
        raw.send_frame(opcode, payload)

        assert (await raw.closing())[0] == code


@pytest.mark.parametrize("payload", [b"", (1000).to_bytes(2, "big") + b"bye"])
async def test_a_farewell_is_answered(served: Served, payload: bytes) -> None:
    async with raw_socket(served.url) as raw:
        raw.send_frame(CLOSE, payload)

        assert await raw.closing() == (1000, "")
        assert await raw.until_gone() == b""

"""What anybody can send, as often as they like, is no fault of ours and does not fill the log."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.serve.gateways import VIEWER, Gateway

HEAD = b"POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
NO_HTTP = {
    "tls": b"\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n",
    "nul": HEAD + b"X-A: \0\r\n\r\n",
    "long": HEAD + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n",
    "negative": HEAD + b"Content-Length: -1\r\n\r\n",
    "smuggled": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
}


def connected(gateway: Gateway) -> socket.socket:
    address = urlsplit(gateway.ready["graphql"])
    assert address.hostname is not None
    assert address.port is not None
    return socket.create_connection((address.hostname, address.port), timeout=60)


def faults(gateway: Gateway) -> list[str]:
    log = gateway.complaint.splitlines()
    return [each for each in log if "aiohttp" in each or "unexpected error" in each]


@pytest.mark.parametrize("junk", NO_HTTP.values(), ids=NO_HTTP.keys())
def test_what_is_no_http_is_refused(served: Gateway, junk: bytes) -> None:
    before = faults(served)
    with connected(served) as client:
        client.sendall(junk)
        answer = client.recv(65_536)

    assert answer.split()[1] == b"400"
    assert served.post(VIEWER).status == 200
    assert faults(served) == before


def test_who_leaves_in_the_middle_of_a_body_is_not_missed(served: Gateway) -> None:
    before = faults(served)
    key = f"Authorization: Bearer {served.ready['api_key']}\r\nX-Namespace: default\r\n".encode()
    with connected(served) as client:
        client.sendall(HEAD + key + b"Content-Length: 99\r\nExpect: 100-continue\r\n\r\n")
        assert b"100 Continue" in client.recv(65_536)
        client.sendall(b'{"query": ')

    assert served.post(VIEWER).status == 200
    assert faults(served) == before

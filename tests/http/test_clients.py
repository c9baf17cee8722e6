"""Whose a request is: addresses behind proxies, and headers that anybody may send."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from gateway.http.clients import Clients, subject_of
from gateway.setting_texts import read_networks
from gateway.settings import InvalidSetting, Settings

PROXY, OTHER_PROXY, STRANGER = "10.0.0.1", "10.0.0.2", "203.0.113.9"
PROXIES = "10.0.0.0/8, fd00::/8"


class Transport:
    def __init__(self, address: str | None) -> None:
        self._address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        peer = self._address and (self._address, 50_000)
        return peer if name == "peername" else default


def address_of(remote: str | None, *forwarded: str, proxies: str = PROXIES) -> str:
    headers = CIMultiDict([("X-Forwarded-For", each) for each in forwarded])
    request = make_mocked_request(
        "POST",
        "/graphql",
        headers=headers,
        transport=Transport(remote),
    )
    return Clients(read_networks(proxies)).address_of(request)


@pytest.mark.parametrize("forwarded", ["198.51.100.7", "10.0.0.1", "127.0.0.1", "nonsense"])
@pytest.mark.parametrize("remote", [STRANGER, PROXY])
def test_by_default_nobody_is_believed(remote: str, forwarded: str) -> None:
    assert address_of(remote, forwarded, proxies="") == remote


def test_a_stranger_cannot_name_another_address() -> None:
    assert address_of(STRANGER, "198.51.100.7") == STRANGER


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (["198.51.100.7", "10.0.0.2"], "198.51.100.7"),  # a line from each
        # What the client itself had sent stands before what the proxy saw.
        (["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (["10.0.0.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (["1.1.1.1", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (["198.51.100.7:4711"], "198.51.100.7"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["2001:DB8:0:0::1"], "2001:db8::1"),
        (["2001:db8::1, fd00::5"], "2001:db8::1"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        # Nobody knows who is behind a hop that cannot be read: the one after it is to blame.
        (["198.51.100.7, unknown"], PROXY),
        (["198.51.100.7, unknown, 10.0.0.2"], OTHER_PROXY),
        ([""], PROXY),
        ([", , "], PROXY),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ],
)
def test_a_proxy_that_is_trusted_tells_the_client(forwarded: list[str], client: str) -> None:
    assert address_of(PROXY, *forwarded) == client


def test_a_long_header_changes_nothing() -> None:
    assert address_of(PROXY, *["1.1.1.1, " * 800 + "198.51.100.7, 10.0.0.2"]) == "198.51.100.7"


def test_a_socket_for_both_kinds_of_addresses_shows_them_alike() -> None:
    assert address_of("::ffff:203.0.113.9") == STRANGER
    assert address_of("::ffff:10.0.0.1", "198.51.100.7") == "198.51.100.7"


def test_a_socket_of_the_file_system_has_no_address() -> None:
    assert address_of(None) == ""


def test_a_client_of_ipv6_is_its_network() -> None:
    one, same, other = "2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::1"

    assert subject_of(one) == subject_of(same)
    assert subject_of(one) != subject_of(other)
    assert subject_of("198.51.100.7") != subject_of("198.51.100.8")


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy", "10.0.0.0/33"])
def test_refuses_what_is_no_network(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"GATEWAY_TRUSTED_PROXIES.*networks"):
        Settings.from_environment({"GATEWAY_TRUSTED_PROXIES": text})

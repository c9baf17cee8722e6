from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.fetching.addresses import Addresses

PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00::1"]
NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # metadata of a cloud
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.5",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    # IPv4 within IPv6: mapped, compatible, 6to4, Teredo, NAT64.
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a00:1",
    "::127.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "64:ff9b::7f00:1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
]
NO_ADDRESSES = ["", "localhost", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "1.1.1.1/32"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_included(address: str) -> None:
    assert Addresses().include(address)


@pytest.mark.parametrize("address", NOT_PUBLIC + NO_ADDRESSES)
def test_all_others_are_not(address: str) -> None:
    assert not Addresses().include(address)


@pytest.mark.parametrize("address", ["::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_public_address_may_be_written_within_ipv6(address: str) -> None:
    assert Addresses().include(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd12::5", "1.1.1.1"])
def test_an_operator_opens_networks(address: str) -> None:
    assert Addresses([ip_network("10.1.0.0/16"), ip_network("fd12::/16")]).include(address)


@pytest.mark.parametrize("address", ["10.2.0.1", "127.0.0.1", "fd13::5", "::ffff:10.2.0.1"])
def test_opening_some_opens_no_others(address: str) -> None:
    assert not Addresses([ip_network("10.1.0.0/16"), ip_network("fd12::/16")]).include(address)

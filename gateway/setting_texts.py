"""What the texts of settings stand for; each reader raises a ValueError that says what would be."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

_FETCHED_SCHEMES = {"http", "https"}
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_USUAL_PORT = re.compile(r"(?<=^http)(://.*):80$|(?<=^https)(://.*):443$")


def read_schemes(text: str) -> frozenset[str]:
    """Return the schemes in a list such as ``http,https``."""
    schemes = frozenset(items_of(text.lower()))
    if not schemes or not schemes <= _FETCHED_SCHEMES:
        raise ValueError("it has to be http, https, or both with a comma between")
    return schemes


def read_ports(text: str) -> frozenset[int]:
    """Return the ports in a list such as ``80,443``."""
    items = items_of(text)
    if not items or not all(each.isdecimal() and 0 < int(each) < 65_536 for each in items):
        raise ValueError("it has to be ports from 1 to 65535 with commas between")
    return frozenset(map(int, items))


def read_networks(text: str) -> list[IPv4Network | IPv6Network]:
    """Return the networks in a list such as ``10.1.0.0/16,fd12::/16``."""
    try:
        return [ip_network(each) for each in items_of(text)]
    except ValueError as error:
        raise ValueError(f"it has to be networks with commas between ({error})") from error


def read_origins(text: str) -> frozenset[str]:
    """Return the origins in a list such as ``https://app.example.org,http://localhost:5173``.

    They are as browsers send them: in lower case, without the port that the scheme has anyway.
    """
    origins = frozenset(_USUAL_PORT.sub(r"\1\2", each.lower()) for each in items_of(text))
    if origins != {"*"} and not all(_ORIGIN.fullmatch(each) for each in origins):
        raise ValueError(
            "it has to be origins with commas between, as in https://app.example.org (scheme, host"
            " and perhaps port, and no path), or * for every one"
        )
    return origins


def read_metrics(text: str) -> tuple[str, int] | None:
    """Return the address in a text such as ``127.0.0.1:9464``, None for ``off`` and ``on``."""
    if text in ("off", "on"):
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError("it has to be off, on, or an address such as 127.0.0.1:9464")
    return host.removeprefix("[").removesuffix("]"), int(port)


def read_address(text: str) -> None:
    """Look at an address such as ``https://gateway.example.org``."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("it has to begin with http:// or https://")


def read_nats(text: str) -> list[str]:
    """Return the servers in a list such as ``nats://one:4222,nats://other:4222``."""
    servers = items_of(text)
    try:
        urls = [urlsplit(each) for each in servers]
        is_good = bool(urls) and all(
            each.scheme in ("nats", "tls") and each.hostname and each.port != 0 for each in urls
        )
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError(
            "it has to be nats://host:port or tls://host:port, with commas between several"
        )
    return servers


def one_of(*words: str) -> Callable[[str], None]:
    """Return what reads one of a few words."""

    def read(text: str) -> None:
        if text not in words:
            raise ValueError(f"it has to be {', '.join(words[:-1])} or {words[-1]}")

    return read


def items_of(text: str) -> list[str]:
    """Return the items of a list with commas between."""
    return [each.strip() for each in text.split(",") if each.strip()]

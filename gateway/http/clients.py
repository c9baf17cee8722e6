"""Who is at the other end of a request, be it behind proxies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web
from aiohttp.hdrs import X_FORWARDED_FOR

# Of X-Forwarded-For, from its end: what one's own proxies have written is there.
_LONGEST_READ = 512
_KEPT = 4096


class Clients:
    """Finds the address of a client.

    ``X-Forwarded-For`` is what anybody may send. It is read from its end, and each address in it
    is believed because the one after it is a proxy that is trusted; the first that is none is the
    client's.

    Args:
        proxies: Networks of the proxies that are trusted.
    """

    def __init__(self, proxies: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._proxies = tuple(proxies)
        self._found = lru_cache(_KEPT)(self._find)

    def address_of(self, request: web.BaseRequest) -> str:
        """Return the address, empty if there is none (a socket of the file system)."""
        forwarded = ""
        if self._proxies and X_FORWARDED_FOR in request.headers:
            forwarded = ",".join(request.headers.getall(X_FORWARDED_FOR))[-_LONGEST_READ:]
        return self._found(request.remote or "", forwarded)

    def _find(self, remote: str, forwarded: str) -> str:
        hops = [remote, *reversed(forwarded.split(","))] if forwarded else [remote]
        found = remote
        for hop in hops:
            address = _parsed(hop)
            if address is None:  # nobody can tell who is behind the last one
                break
            found = str(address)
            if not any(address in network for network in self._proxies):
                break
        return found


@lru_cache(_KEPT)
def subject_of(address: str) -> str:
    """Return whom requests of an address count for: whoever has one of IPv6 has 2^64 of them."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return f"{int(parsed) >> 64:x}::/64"
    return address


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in a text, which may have a port."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket that takes IPv6 shows the addresses of IPv4 like this.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

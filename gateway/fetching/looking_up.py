"""From a host's name to the addresses to connect to, each of them checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.fetching.addresses import Addresses

LookUp = Callable[[str], Awaitable[list[str]]]
"""Returns the addresses of a host, as text; raises OSError if it has none."""

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]

# Threads of their own: names that nobody answers for must not hold up who reads and writes files.
_THREADS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="look-up")


class NotReachable(OSError):
    """An address that the gateway must not connect to."""


async def look_up_by_system(host: str) -> list[str]:
    """Return the addresses that this machine knows for a host."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_THREADS, _look_up, host)
    return list(dict.fromkeys(found))


class CheckedResolver(AbstractResolver):
    """Gives a connector addresses that were checked, and are connected to as they are.

    A name is looked up once for each connection. Who answers otherwise the second time, as in DNS
    rebinding, is not asked a second time.
    """

    def __init__(self, look_up: LookUp, addresses: Addresses) -> None:
        self._look_up = look_up
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            NotReachable: One or more may not be connected to. The rest is not tried: who mixes
                them is up to something.
            OSError: The host has no address.
        """
        found = await self._look_up(host)
        if not found or not all(self._addresses.include(each) for each in found):
            raise NotReachable(f"{host} is at {', '.join(found) or 'no address'}")
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for each in found
        ]

    async def close(self) -> None:
        """Return; nothing is kept open."""


def checked_sockets(addresses: Addresses) -> Callable[[AddressInfo], socket.socket]:
    """Return what makes a connector's sockets: the last look before each connection.

    A URL may hold an address, which no resolver is asked about.
    """

    def make(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, place = info
        if not addresses.include(place[0]):
            raise NotReachable(f"{place[0]} is not to be reached")
        return socket.socket(family, kind, protocol)

    return make


def _look_up(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(place[0]) for _, _, _, _, place in found]

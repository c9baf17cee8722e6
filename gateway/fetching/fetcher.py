"""Opens a URL and gives its bytes as they come, within time and size."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property

from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    ServerTimeoutError,
    TCPConnector,
)
from yarl import URL

from gateway.errors import FetchFailed
from gateway.fetching.headers import UnfitAnswer, check_headers, declared_size, filename_of
from gateway.fetching.looking_up import CheckedResolver, LookUp, checked_sockets, look_up_by_system
from gateway.fetching.rules import FetchRules
from gateway.fetching.urls import last_name, read_url, shown

logger = logging.getLogger(__name__)

MOST_REDIRECTS = 5

_REDIRECTS = {301, 302, 303, 307, 308}
_READ_AHEAD_BYTES = 64 * 1024
_HEADERS = {
    "User-Agent": "lineage-gateway",
    "Accept": "*/*",
    # What is packed on the way would have a size that is only known once it is unpacked.
    "Accept-Encoding": "identity",
}
# One text for a name that nobody has, an address that is not public, a closed port and a firewall:
# it must not tell what there is in networks that a caller does not see.
_NOT_REACHED = (
    "no server was reached; its host has to be known and public, and the server has to be running"
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answers.

    Args:
        size_bytes: As it declares; ``chunks`` fails rather than end earlier.
        content_type: As it declares, unchecked.
        filename: As it declares, else the last part of the URL's path; not a path, but unchecked
            otherwise.
        chunks: The bytes, once.
    """

    size_bytes: int | None
    content_type: str | None
    filename: str | None
    chunks: AsyncIterator[bytes]


class Fetcher:
    """Fetches what callers name, by rules that keep them out of the gateway's own networks.

    Nothing is carried from one fetch to the next: neither cookies nor connections. Neither proxies
    nor passwords are taken from the environment.

    Args:
        look_up: Is asked once for each connection; what it returns is checked.
    """

    def __init__(self, rules: FetchRules, *, look_up: LookUp = look_up_by_system) -> None:
        self.rules = rules
        self._look_up = look_up

    @asynccontextmanager
    async def open(self, text: str) -> AsyncIterator[Fetched]:
        """Open a URL; its bytes are read while the block runs.

        Raises:
            BadUrl: The URL is refused as it is written.
            FetchFailed: Nobody answers, or not as is needed; raised by the chunks as well.
        """
        url = read_url(text, self.rules)
        deadline = asyncio.get_running_loop().time() + self.rules.total_s
        async with self._session() as session:
            response = await self._follow(session, url, deadline)
            try:
                with _told(url):
                    check_headers(response, most_bytes=self.rules.most_bytes)
                yield Fetched(
                    size_bytes=declared_size(response),
                    content_type=response.headers.get("Content-Type"),
                    filename=filename_of(response) or last_name(url) or None,
                    chunks=self._chunks(response, url, deadline),
                )
            finally:
                response.close()

    async def _follow(self, session: ClientSession, start: URL, deadline: float) -> ClientResponse:
        """Return the first answer that is no redirect."""
        url = start
        with _told(start):
            for _ in range(MOST_REDIRECTS + 1):
                async with _within(self.rules.connect_s + self.rules.idle_s, deadline):
                    tls = self._tls if url.scheme == "https" else True
                    response = await session.get(url, allow_redirects=False, ssl=tls)
                if response.status not in _REDIRECTS:
                    return response
                response.close()
                url = self._next(url, response)
            raise _Failure(f"it redirects more than {MOST_REDIRECTS} times")

    def _next(self, url: URL, response: ClientResponse) -> URL:
        try:
            location = response.headers["Location"]
            target = read_url(str(url.join(URL(location, encoded=True))), self.rules)
        except (KeyError, ValueError) as error:
            raise _Failure("it redirects to what may not be fetched") from error
        if url.scheme == "https" and target.scheme != "https":
            raise _Failure("it redirects from https to http, where anyone may alter it")
        return target

    async def _chunks(
        self, response: ClientResponse, url: URL, deadline: float
    ) -> AsyncIterator[bytes]:
        size_bytes, most_bytes = 0, self.rules.most_bytes
        while True:
            with _told(url):
                async with _within(self.rules.idle_s, deadline):
                    chunk = await response.content.readany()
                size_bytes += len(chunk)
                if size_bytes > most_bytes:
                    raise _Failure(f"it has more than {most_bytes} bytes, which is the most")
            if not chunk:
                return
            yield chunk

    def _session(self) -> ClientSession:
        addresses = self.rules.addresses
        connector = TCPConnector(
            resolver=CheckedResolver(self._look_up, addresses),
            use_dns_cache=False,
            socket_factory=checked_sockets(addresses),
            force_close=True,
        )
        return ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers=_HEADERS,
            trust_env=False,
            auto_decompress=False,
            read_bufsize=_READ_AHEAD_BYTES,
            timeout=ClientTimeout(total=None, connect=self.rules.connect_s, sock_read=None),
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class _Failure(Exception):
    """Why a fetch fails, in words for the caller."""


@asynccontextmanager
async def _within(seconds: float, deadline: float) -> AsyncIterator[None]:
    """Fail the block after as many seconds, and at the deadline of the whole fetch."""
    loop = asyncio.get_running_loop()
    idle = loop.time() + seconds
    try:
        async with asyncio.timeout_at(min(idle, deadline)):
            yield
    except ServerTimeoutError:  # of the connection, which is a TimeoutError too
        raise
    except TimeoutError as error:
        if deadline <= idle:
            raise _Failure("it takes too long as a whole") from error
        raise _Failure(f"nothing came for {seconds:g} s") from error


@contextmanager
def _told(url: URL) -> Iterator[None]:
    """Turn what goes wrong in the block into words that tell nothing of networks inside."""
    try:
        yield
    except (_Failure, UnfitAnswer, ClientError) as error:
        reason = _reason(error)
        logger.info("fetching %s: %s (%s)", shown(url), reason, error.__cause__ or error)
        raise FetchFailed(f"{shown(url)} cannot be fetched: {reason}") from error


def _reason(error: Exception) -> str:
    match error:
        case _Failure() | UnfitAnswer():
            return str(error)
        case ClientSSLError():
            return "its TLS certificate or handshake is not valid"
        case ClientConnectorError() | ServerTimeoutError():
            return _NOT_REACHED
        case ClientPayloadError():
            return "it ended before all of it had come"
        case ClientConnectionError():
            return "the server closed the connection before it had answered"
        case _:
            return "the server's answer is not valid HTTP"

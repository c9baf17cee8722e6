"""Headers that every answer has, whoever writes it."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache

from aiohttp import web, web_response
from aiohttp.hdrs import (
    ACCESS_CONTROL_REQUEST_METHOD,
    CACHE_CONTROL,
    CONTENT_TYPE,
    DATE,
    METH_POST,
    ORIGIN,
    SERVER,
)
from multidict import CIMultiDict, istr

from gateway.http.origins import Origins
from gateway.observing import notes

# As istr they are compared without being put into lower case each time.
CONTENT_SECURITY_POLICY = istr("Content-Security-Policy")
CROSS_ORIGIN_RESOURCE_POLICY = istr("Cross-Origin-Resource-Policy")
REQUEST_ID = istr("X-Request-Id")
_HSTS = istr("Strict-Transport-Security")
_ALWAYS = {
    # Browsers guess no types, and tell nobody the address of an answer: a link is a secret.
    istr("X-Content-Type-Options"): "nosniff",
    istr("Referrer-Policy"): "no-referrer",
}
# For what says nothing else: no page at all, let alone one in a frame, and no part of another's.
_OTHERWISE = (
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
)
_YEAR_S = 365 * 24 * 3600
_HEADS_KEPT = 64

# What is no HTTP is answered by aiohttp alone, with its name and Python's; no setting changes that.
web_response.SERVER_SOFTWARE = "gateway"  # type: ignore[attr-defined]


class Headers:
    """Lets browsers be careful with what is answered, and tells nobody which software answers.

    Args:
        is_https: Whether clients reach all of this by https alone.
        endpoint: The path at which pages of other origins may read, errors too.
        origins: Which ones; None: of none.
    """

    def __init__(
        self, *, is_https: bool = False, endpoint: str = "", origins: Origins | None = None
    ) -> None:
        self._always = _ALWAYS | ({_HSTS: f"max-age={_YEAR_S}"} if is_https else {})
        self._endpoint = endpoint
        self._origins = origins if origins and origins.lets_read else None
        self._head = lru_cache(_HEADS_KEPT)(self._written)

    def add_to_all(self, app: web.Application) -> None:
        """Have all answers of an application say what they have to."""
        app.on_response_prepare.append(self._complete)

    def text_of(self, request: web.BaseRequest, media_type: str, body: bytes) -> bytes:
        """Return all that is sent to answer a POST to the endpoint well, by HTTP/1.1."""
        # What stays the same is the same for a second, in which many may ask.
        origin = request.headers.get(ORIGIN) if self._origins else None
        head = self._head(media_type, origin, int(time.time()))
        own = f"Content-Length: {len(body)}\r\n{REQUEST_ID}: {notes.request_id()}\r\n\r\n"
        return b"".join((head, own.encode(), body))

    async def _complete(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        headers = response.headers
        self._add(headers, request.method)
        if self._origins and request.path == self._endpoint:
            asks_first = ACCESS_CONTROL_REQUEST_METHOD in request.headers
            self._origins.tell(headers, request.headers.get(ORIGIN), asks_first=asks_first)
        if id := notes.request_id():
            headers[REQUEST_ID] = id

    def _written(self, media_type: str, origin: str | None, second: int) -> bytes:
        headers = CIMultiDict({CONTENT_TYPE: media_type, DATE: formatdate(second, usegmt=True)})
        self._add(headers, METH_POST)
        if self._origins:
            self._origins.tell(headers, origin, asks_first=False)
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        return "".join(["HTTP/1.1 200 OK\r\n", *lines]).encode()

    def _add(self, headers: CIMultiDict[str], method: str) -> None:
        headers.update(self._always)
        for name, value in _OTHERWISE:
            headers.setdefault(name, value)
        if method == METH_POST:  # it may hold the secret of a key
            headers.setdefault(CACHE_CONTROL, "no-store")
        headers.pop(SERVER, None)

"""Pages of other sites: which may ask, and read what is answered (CORS)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping

from aiohttp import hdrs
from multidict import istr
from strawberry.http.websocket_origin import is_same_origin

from gateway.errors import Forbidden

ANY = "*"
_FETCH_SITE = istr("Sec-Fetch-Site")
_METHODS = "GET, HEAD, POST"
# What the endpoint reads, for browsers that do not know the * of the Fetch standard; any other
# header is harmless too, for none of them makes a request somebody else's. Authorization has to be
# named in any case.
_HEADERS = "Authorization, Content-Type, Idempotency-Key, X-Namespace, traceparent, tracestate, *"
_EXPOSED = "Retry-After, X-Request-Id"
_PREFLIGHT_S = "7200"  # what browsers take at most


class Origins:
    """The sites whose pages may ask.

    A page cannot send a key that it does not have: there are no cookies. So this keeps no secret;
    it keeps pages that nobody thought of from being built on this gateway, and from trying keys.

    Args:
        allowed: Besides the gateway's own; as browsers send them, or ``*`` for every one.
        public_url: Where clients reach the gateway, if that is told.
    """

    def __init__(self, allowed: Collection[str] = (), *, public_url: str = "") -> None:
        self._is_open = ANY in allowed
        own = public_url.lower().split("/")[:3]
        self._allowed = frozenset(allowed) | {"/".join(own)} - {""}
        self.lets_read = bool(allowed)  # whether any page but the gateway's own

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse to open a socket or a stream for another site's page: browsers do for any.

        Raises:
            Forbidden: It is for one.
        """
        if not self.may_connect(headers):
            raise Forbidden(
                "pages of this origin may not connect; whoever runs this gateway can name it in"
                " GATEWAY_CORS_ORIGINS"
            )

    def may_connect(self, headers: Mapping[str, str]) -> bool:
        """Tell whether a socket or a stream may be opened; what is no browser sends no Origin.

        Args:
            headers: Of the request, found by any spelling.
        """
        origin = headers.get(hdrs.ORIGIN)
        return (
            origin is None
            or self._is_open
            or origin in self._allowed
            # A browser says so itself, which helps where a proxy changes Host.
            or headers.get(_FETCH_SITE) == "same-origin"
            or is_same_origin(origin, headers.get(hdrs.HOST))
        )

    def tell(
        self, headers: MutableMapping[str, str], origin: str | None, *, asks_first: bool
    ) -> None:
        """Say in the headers of an answer which page may read it.

        Args:
            origin: Of the page that asks.
            asks_first: Whether its browser does, before it sends the request.
        """
        if not self._is_open:
            varies = headers.get(hdrs.VARY)
            headers[hdrs.VARY] = f"{varies}, {hdrs.ORIGIN}" if varies else hdrs.ORIGIN
        if origin is None or not (self._is_open or origin in self._allowed):
            return
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = ANY if self._is_open else origin
        if asks_first:
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _METHODS
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _HEADERS
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = _PREFLIGHT_S
        else:
            headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED

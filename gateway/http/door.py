"""Who comes in, and how often."""

from __future__ import annotations

import math

from aiohttp import web
from aiohttp.hdrs import AUTHORIZATION
from multidict import istr

from gateway.caller import Caller
from gateway.errors import TooManyRequests, Unauthenticated
from gateway.http.clients import Clients, subject_of
from gateway.namespaces.authentication import Authenticator
from gateway.namespaces.shown import shown_in
from gateway.rates.buckets import Buckets

NAMESPACE = istr("X-Namespace")
FAILURE_TOKENS = 10
_WITHOUT_KEY = " without a key that was right lately"


class Door:
    """Lets in who shows a key that is right, as often as is fair to the others.

    What a key may ask is counted for the key. Who shows none, or one that has not been right
    lately, is counted for the address, before anybody looks the key up; to be wrong counts for
    ``FAILURE_TOKENS``. So whoever tries keys behind the same proxy as others, or floods the gateway
    from there, keeps out none whose key is known.

    Args:
        of_keys: None: they may ask as often as they like.
        of_addresses: None: the same.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        clients: Clients,
        *,
        of_keys: Buckets | None = None,
        of_addresses: Buckets | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._clients = clients
        self._of_keys = of_keys
        self._of_addresses = of_addresses

    async def admit(self, request: web.BaseRequest) -> Caller:
        """Return the caller whom the headers of a request show; count the request.

        Raises:
            Unauthenticated, NamespaceRequired, Unavailable: As ``Authenticator.authenticate``.
            TooManyRequests: The key or the address has asked too often.
        """
        shown = request.headers.get(AUTHORIZATION), request.headers.get(NAMESPACE)
        caller = self._authenticator.known(*shown)
        if caller is None:
            caller = await self._meet(self.address_of(request), *shown)
        self.count(caller)
        return caller

    async def admit_socket(self, address: str, payload: object) -> Caller:
        """Return the caller whom the payload of a socket's ``connection_init`` shows.

        Raises:
            Unauthenticated, NamespaceRequired, Unavailable: As ``Authenticator.authenticate``.
            TooManyRequests: The address has tried too often.
        """
        shown = shown_in(payload)
        return self._authenticator.known(*shown) or await self._meet(address, *shown)

    def count(self, caller: Caller) -> None:
        """Count a request, or an operation on a socket, for the caller's key.

        Raises:
            TooManyRequests: There were too many.
        """
        if self._of_keys is None:
            return
        wait_s = self._of_keys.take(caller.key_id)
        if wait_s:
            raise _too_many("keyRate", "this API key", self._of_keys, wait_s)

    def address_of(self, request: web.BaseRequest) -> str:
        """Return the address of the client."""
        return self._clients.address_of(request)

    async def _meet(self, address: str, authorization: str | None, namespace: str | None) -> Caller:
        """Return a caller who has to be looked up."""
        authenticate = self._authenticator.authenticate
        buckets = self._of_addresses
        if buckets is None or self._authenticator.was_right(authorization, namespace):
            return await authenticate(authorization, namespace)
        subject = subject_of(address)
        wait_s = buckets.take(subject)
        if wait_s:
            raise _too_many("addressRate", "this address", buckets, wait_s, _WITHOUT_KEY)
        try:
            return await authenticate(authorization, namespace)
        except Unauthenticated:
            buckets.charge(subject, FAILURE_TOKENS - 1)
            raise


def _too_many(
    limit: str, who: str, buckets: Buckets, wait_s: float, how: str = ""
) -> TooManyRequests:
    most = round(buckets.per_s)
    wait_s = math.ceil(wait_s * 1000) / 1000
    return TooManyRequests(
        f"{who} sends more than {most} requests a second{how}; send the next one in {wait_s:.3f} s",
        limit=limit,
        maximum=most,
        wait_s=wait_s,
    )

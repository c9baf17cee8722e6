"""The first that meets a request: it gets its id here; POSTs and sockets go to the endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.hdrs import EXPECT, METH_POST

from gateway.http.finished import Finished
from gateway.http.headers import REQUEST_ID
from gateway.http.media_types import accept_of, wants_events
from gateway.http.sockets.handshake import wants_socket
from gateway.observing import notes

# (of whatever requests an application makes)
Handler = Callable[[Any], Awaitable[web.StreamResponse]]


class Front:
    """Stands before an application's router, which takes 5 us to find the only place there is.

    Args:
        path: Of the endpoint; what names it in another way is left to the router.
        endpoint: Answers what is sent there.
    """

    def __init__(self, path: str, endpoint: Handler) -> None:
        self._path = path
        self._endpoint = endpoint

    def before(self, router: Handler) -> Handler:
        """Return what answers all requests, most by the router."""

        def answer(request: web.Request) -> Awaitable[web.StreamResponse]:
            headers = request.headers
            notes.begin(headers.get(REQUEST_ID))
            if (
                request.raw_path == self._path
                and EXPECT not in headers  # the router asks for the body
                and (_wants_answer(request) or wants_socket(request))
            ):
                return self._answer(request, router)
            return router(request)

        return answer

    async def route(self, request: web.Request) -> web.StreamResponse:
        """Answer what the router has found to be for the endpoint."""
        made = request.get(_MADE)
        return await self._endpoint(request) if made is None else made

    async def _answer(self, request: web.Request, router: Handler) -> web.StreamResponse:
        made = await self._endpoint(request)
        if isinstance(made, Finished):
            return made
        request[_MADE] = made
        return await router(request)  # only there the application adds to what it says


def _wants_answer(request: web.Request) -> bool:
    """Tell whether all that is sent may be sent at once; of events it is not so."""
    return request.method == METH_POST and not wants_events(accept_of(request.headers))


FRONT = web.AppKey("front", Front)
_MADE = web.RequestKey("made", web.StreamResponse)


class FrontRunner(web.AppRunner):
    """Runs an application with its front."""

    async def setup(self) -> None:
        """Make the application ready to listen."""
        await super().setup()
        server = self.server
        assert server is not None  # noqa: S101
        server.request_handler = self.app[FRONT].before(server.request_handler)

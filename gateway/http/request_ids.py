"""The id of each request: the client's or ours, in every answer, and in what is logged of it."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.observing import notes

REQUEST_ID = "X-Request-Id"


def give_ids(app: web.Application) -> None:
    """Give each request an id, and say it in the answer, whoever writes that."""
    app.middlewares.append(_begin)
    app.on_response_prepare.append(_tell)


@web.middleware
async def _begin(request: web.Request, handler: Handler) -> web.StreamResponse:
    notes.begin(request.headers.get(REQUEST_ID))
    return await handler(request)


async def _tell(_: web.Request, response: web.StreamResponse) -> None:
    if known := notes.current():
        response.headers[REQUEST_ID] = known.request_id

"""Serves the links of the local blob store: downloads, and uploads by PUT."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import ETag, StreamReader, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from gateway.blobs.disposition import attachment
from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import PATH_PREFIX, Link
from gateway.blobs.store import NoBytes
from gateway.errors import Forbidden, GatewayError, InvalidInput, RequestFailure, Unavailable
from gateway.http.bodies import Bodies

STALL_S = 60.0  # a client that sends nothing for so long is gone
_PIECE_BYTES = 1024 * 1024
_CONDITIONS = (
    hdrs.IF_MATCH,
    hdrs.IF_NONE_MATCH,
    hdrs.IF_MODIFIED_SINCE,
    hdrs.IF_UNMODIFIED_SINCE,
)
_ALWAYS = {
    # Anyone may have sent these bytes, as any type: a browser must neither guess another type, nor
    # show them as a page of ours, nor run what is in them.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    # A link is all that it takes, whatever page uses it; browsers send no cookies along.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Content-Range, Accept-Ranges, Content-Disposition",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_TOLD_AHEAD = {
    "Access-Control-Allow-Methods": "GET, HEAD, PUT",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "7200",
}


def blob_routes(store: LocalBlobStore, bodies: Bodies | None = None) -> list[web.RouteDef]:
    """Return the routes that a ``LocalBlobStore`` links to: GET and HEAD with ranges, and PUT."""
    # Every method, so that what a link does not allow is answered here, and alike.
    return [web.route("*", PATH_PREFIX + "{key:.+}", _handler(store, bodies or Bodies()))]


def _handler(
    store: LocalBlobStore, bodies: Bodies
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        if request.method == hdrs.METH_OPTIONS:
            # A browser asks what a page may do. What the link allows, it is told by the answer to
            # that, which it can then read.
            return web.Response(status=204, headers={**_ALWAYS, **_TOLD_AHEAD})
        # Whoever may GET may ask for the headers alone.
        method = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
        now = time.time()
        try:
            link = store.signer.verify(method, request.match_info["key"], request.query, now=now)
            if method == hdrs.METH_PUT:
                with bodies.expected(request):
                    return await _take(store, link, request)
            return await _give(store, link, request, now)
        except Forbidden as failure:
            return _refusal(403, failure)
        except Unavailable as failure:
            return _refusal(503, failure)

    return serve


async def _give(
    store: LocalBlobStore, link: Link, request: web.Request, now: float
) -> web.StreamResponse:
    if await store.size(link.key) is None:
        return _refusal(404, RequestFailure("these bytes are gone"), code="NOT_FOUND")

    headers = _headers(link, now)
    etag = link.key.rpartition("/")[2]
    if request.if_match and not _names(request.if_match, etag, weak=False):
        return web.Response(status=412, headers=headers)
    if request.if_none_match and _names(request.if_none_match, etag, weak=True):
        return web.Response(status=304, headers=headers)
    return _BlobResponse(store.path(link.key), headers=headers)


async def _take(store: LocalBlobStore, link: Link, request: web.Request) -> web.Response:
    """Keep a body as S3 would: what the link says of its size, type and hash has to be right."""
    if request.content_length is None:
        return _refusal(411, RequestFailure("Content-Length is missing"), code="INVALID")
    if request.content_length != link.size_bytes:
        raise Forbidden(
            f"this link is for {link.size_bytes} bytes, and Content-Length is"
            f" {request.content_length}; ask for a link for that"
        )
    mime_type = request.headers.get(hdrs.CONTENT_TYPE)
    if link.mime_type is not None and link.mime_type != mime_type:
        raise Forbidden(
            f"this link is for Content-Type {link.mime_type}, and it is {mime_type};"
            " ask for a link for that"
        )
    body = _body(request.content)
    try:
        if link.parts_id is None or link.part is None:
            await store.put_stream(link.key, body, size_bytes=link.size_bytes, sha256=link.sha256)
        else:
            part = await store.put_part(
                link.key, link.parts_id, link.part, body, size_bytes=link.size_bytes
            )
            return web.Response(headers={**_ALWAYS, "ETag": f'"{part.etag}"'})
    except InvalidInput as failure:
        return _refusal(400, failure)
    except NoBytes:
        return _refusal(404, RequestFailure("this upload is over"), code="NOT_FOUND")
    except TimeoutError as stalled:
        reason = str(stalled) or f"nothing came for {STALL_S:.0f} s"
        return _refusal(408, RequestFailure(reason), code="INVALID")
    except (web.RequestPayloadError, ConnectionError):  # nobody is left to hear the answer
        return _refusal(400, RequestFailure("the connection was lost"), code="INVALID")
    return web.Response(headers=_ALWAYS)


async def _body(content: StreamReader) -> AsyncIterator[bytes]:
    """Yield a body in pieces that are worth a trip to a thread each."""
    piece = bytearray()
    while True:
        async with asyncio.timeout(STALL_S):
            chunk = await content.readany()
        piece += chunk
        if len(piece) >= _PIECE_BYTES or not chunk:
            yield bytes(piece)
            piece.clear()
        if not chunk:
            return


class _BlobResponse(web.FileResponse):
    """A file's bytes, whole or in part, known by their hash.

    aiohttp would name them by the file's time, which says nothing about content and differs between
    machines.
    """

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        headers = request.headers.copy()
        for name in _CONDITIONS:  # answered already, from the hash
            headers.popall(name, None)
        return await super().prepare(request.clone(headers=headers))

    @property
    def etag(self) -> ETag | None:
        return super().etag

    @etag.setter
    def etag(self, value: ETag | str | None) -> None:
        """Keep the hash that is in the headers."""


def _headers(link: Link, now: float) -> dict[str, str]:
    name = link.key.rpartition("/")[2]
    return {
        **_ALWAYS,
        "Content-Type": link.mime_type or "application/octet-stream",
        "Content-Disposition": attachment(link.filename or name),
        "Cache-Control": f"private, max-age={int(link.expires_at - now)}, immutable",
        "ETag": f'"{name}"',
    }


def _names(etags: tuple[ETag, ...], value: str, *, weak: bool) -> bool:
    return any(etag.value in (value, "*") and (weak or not etag.is_weak) for etag in etags)


def _refusal(status: int, failure: GatewayError, *, code: str | None = None) -> web.Response:
    error = {"message": failure.message, "extensions": {"code": code or failure.code}}
    return web.Response(
        status=status,
        text=json.dumps({"errors": [error]}),
        content_type="application/json",
        headers={**_ALWAYS, "Cache-Control": "no-store"},
    )

"""Serves the links of the local blob store."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import ETag, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import PATH_PREFIX, Link
from gateway.errors import Forbidden, RequestFailure, Unavailable

_CONDITIONS = (
    hdrs.IF_MATCH,
    hdrs.IF_NONE_MATCH,
    hdrs.IF_MODIFIED_SINCE,
    hdrs.IF_UNMODIFIED_SINCE,
)
_HARMLESS = {
    # Anyone may have sent these bytes, as any type: a browser must neither guess another type, nor
    # show them as a page of ours, nor run what is in them.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}


def blob_routes(store: LocalBlobStore) -> list[web.RouteDef]:
    """Return the routes that a ``LocalBlobStore`` links to: GET and HEAD, with ranges."""
    # Every method, so that what a link does not allow is answered here, and alike.
    return [web.route("*", PATH_PREFIX + "{key:.+}", _handler(store))]


def _handler(store: LocalBlobStore) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        # Whoever may GET may ask for the headers alone.
        method = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
        now = time.time()
        try:
            link = store.signer.verify(method, request.match_info["key"], request.query, now=now)
            size_bytes = await store.size(link.key)
        except Forbidden as failure:
            return _refusal(403, failure)
        except Unavailable as failure:
            return _refusal(503, failure)
        if size_bytes is None:
            return _refusal(404, RequestFailure("these bytes are gone"), code="NOT_FOUND")

        headers = _headers(link, now)
        etag = link.key.rpartition("/")[2]
        if request.if_match and not _names(request.if_match, etag, weak=False):
            return web.Response(status=412, headers=headers)
        if request.if_none_match and _names(request.if_none_match, etag, weak=True):
            return web.Response(status=304, headers=headers)
        return _BlobResponse(store.path(link.key), headers=headers)

    return serve


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
        **_HARMLESS,
        "Content-Type": link.mime_type or "application/octet-stream",
        "Content-Disposition": _attachment(link.filename or name),
        "Cache-Control": f"private, max-age={int(link.expires_at - now)}, immutable",
        "ETag": f'"{name}"',
    }


def _attachment(filename: str) -> str:
    """Return a Content-Disposition: the name for every browser in ASCII, and whole by RFC 5987."""
    ascii_name = "".join(
        each if each.isascii() and each.isprintable() and each not in '"\\%' else "_"
        for each in filename
    )
    whole = quote(filename, safe="")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{whole}"


def _names(etags: tuple[ETag, ...], value: str, *, weak: bool) -> bool:
    return any(etag.value in (value, "*") and (weak or not etag.is_weak) for etag in etags)


def _refusal(status: int, failure: RequestFailure, *, code: str | None = None) -> web.Response:
    error = {"message": failure.message, "extensions": {"code": code or failure.code}}
    return web.Response(
        status=status,
        text=json.dumps({"errors": [error]}),
        content_type="application/json",
        headers={**_HARMLESS, "Cache-Control": "no-store"},
    )

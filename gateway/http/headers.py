"""Headers that every answer has, whoever wrote it."""

from __future__ import annotations

from aiohttp import web, web_response
from aiohttp.hdrs import CACHE_CONTROL, METH_POST, SERVER
from multidict import istr

# As istr they are compared without being put into lower case each time.
CONTENT_SECURITY_POLICY = istr("Content-Security-Policy")
CROSS_ORIGIN_RESOURCE_POLICY = istr("Cross-Origin-Resource-Policy")
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

# What is no HTTP is answered by aiohttp alone, with its name and Python's; no setting changes that.
web_response.SERVER_SOFTWARE = "gateway"  # type: ignore[attr-defined]


def harden(app: web.Application, *, is_https: bool = False) -> None:
    """Let browsers be careful with what is answered, and tell nobody which software answers.

    Args:
        is_https: Whether clients reach all of this by https alone.
    """
    always = _ALWAYS | ({_HSTS: f"max-age={_YEAR_S}"} if is_https else {})

    async def change(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.update(always)
        for name, value in _OTHERWISE:
            headers.setdefault(name, value)
        if request.method == METH_POST:  # it may hold the secret of a key
            headers.setdefault(CACHE_CONTROL, "no-store")
        headers.pop(SERVER, None)

    app.on_response_prepare.append(change)

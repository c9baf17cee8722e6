"""What the page of GraphiQL may do in a browser."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256

_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.DOTALL)
_FROM = re.compile(r'\b(?:src|href)="(https://[^/"]+)')


@lru_cache(4)
def policy_of(html: str) -> str:
    """Return the Content-Security-Policy of a page: what is written in it, and no more.

    Its scripts are known by their hashes, those of others by the hosts that it names; it sends
    nothing to anybody but the gateway, and stands in nobody's frame.
    """
    written = [text for attributes, text in _SCRIPT.findall(html) if "src=" not in attributes]
    hashes = [f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in written]
    hosts = sorted(set(_FROM.findall(html)))
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", *hashes, *hosts]),
            " ".join(["style-src 'unsafe-inline'", *hosts]),  # editors place lines by styles
            " ".join(["font-src data:", *hosts]),
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )

"""Links that carry their own permission: an HMAC over everything that they allow."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from gateway.errors import Forbidden, InvalidInput

PATH_PREFIX = "/blobs/"
SHORTEST_EXPIRY_S = 1
LONGEST_EXPIRY_S = 7 * 24 * 3600  # S3 signs for no longer
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Link:
    """What a verified link allows.

    Args:
        expires_at: Seconds since 1970.
    """

    key: str
    expires_at: int
    filename: str | None
    mime_type: str | None


class UrlSigner:
    """Makes and verifies links; every process that serves them needs the same secret.

    Args:
        public_url: Where clients reach the gateway, as in ``https://files.example``.
    """

    def __init__(self, secret: bytes, *, public_url: str) -> None:
        self._secret = secret
        self._base = public_url.rstrip("/") + PATH_PREFIX

    def url(self, method: str, link: Link) -> str:
        """Return a URL that allows ``method`` on ``link.key``."""
        query = {"expires": str(link.expires_at)}
        if link.filename is not None:
            query["filename"] = link.filename
        if link.mime_type is not None:
            query["type"] = link.mime_type
        query["signature"] = self._signature(method, link.key, query)
        return f"{self._base}{quote(link.key)}?{urlencode(query)}"

    def verify(self, method: str, key: str, query: Mapping[str, str], *, now: float) -> Link:
        """Return what the link allows.

        Args:
            query: The URL's parameters, decoded; those that no link has are ignored.
            now: Seconds since 1970.

        Raises:
            Forbidden: We did not make this link, or made it for another method, or it has expired.
        """
        # Compared as bytes: compare_digest takes no text beyond ASCII.
        given = query.get("signature", "").encode(errors="replace")
        if not hmac.compare_digest(given, self._signature(method, key, query).encode()):
            raise Forbidden("this link is not one of ours, or was altered; ask for a new one")

        link = Link(key, int(query["expires"]), query.get("filename"), query.get("type"))
        if link.expires_at <= now:
            raise Forbidden("this link has expired; ask for a new one")
        return link

    def _signature(self, method: str, key: str, query: Mapping[str, str]) -> str:
        # A JSON array has one reading only: no two links come to the same text, as they would if
        # the parts were just joined.
        parts = [method, key, *(query.get(name) for name in ("expires", "filename", "type"))]
        return hmac.digest(self._secret, json.dumps(parts).encode(), "sha256").hex()


def check_expiry(expires_in_s: int) -> int:
    """Return how many seconds a link may live, if it may live so long.

    Raises:
        InvalidInput: It is out of bounds.
    """
    if not SHORTEST_EXPIRY_S <= expires_in_s <= LONGEST_EXPIRY_S:
        raise InvalidInput(
            f"expiresIn is {expires_in_s}; it has to be from {SHORTEST_EXPIRY_S}"
            f" to {LONGEST_EXPIRY_S} seconds",
            ("expiresIn",),
        )
    return expires_in_s


def load_secret(path: Path) -> bytes:
    """Return the secret kept in a file; make it, readable by its owner only, if there is none.

    Raises:
        ValueError: The file holds something else.
    """
    if not path.exists():
        _write_secret(path, secrets.token_bytes(_SECRET_BYTES))
    secret = path.read_bytes()
    if len(secret) != _SECRET_BYTES:
        raise ValueError(
            f"{path} has {len(secret)} bytes instead of {_SECRET_BYTES}; remove it to have a new"
            " secret made: links given out before then stop working"
        )
    return secret


def _write_secret(path: Path, secret: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(descriptor)
        # Unlike a rename, a link never replaces the secret of a process that was faster.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()

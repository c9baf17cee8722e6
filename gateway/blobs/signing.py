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
from typing import Any
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
        filename: The name to save the bytes under.
        mime_type: The Content-Type they are sent with.
        size_bytes, sha256: What uploaded bytes have to come to; None: anything.
        parts_id, part: The upload that they are a part of, and the part's number.
    """

    key: str
    expires_at: int
    filename: str | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    parts_id: str | None = None
    part: int | None = None

    def query(self) -> dict[str, str]:
        """Return the parameters of the URL, without the signature."""
        values = {name: getattr(self, field) for name, field in _PARAMETERS.items()}
        return {name: str(value) for name, value in values.items() if value is not None}

    @classmethod
    def read(cls, key: str, query: Mapping[str, str]) -> Link:
        """Return what ``query`` gives, of a link whose signature is right."""
        values: dict[str, Any] = {
            field: int(query[name]) if field in _NUMBERS else query[name]
            for name, field in _PARAMETERS.items()
            if name in query
        }
        return cls(key, **values)


_PARAMETERS = {
    "expires": "expires_at",
    "filename": "filename",
    "type": "mime_type",
    "size": "size_bytes",
    "sha256": "sha256",
    "upload": "parts_id",
    "part": "part",
}
_NUMBERS = ("expires_at", "size_bytes", "part")


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
        query = link.query()
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

        link = Link.read(key, query)
        if link.expires_at <= now:
            raise Forbidden("this link has expired; ask for a new one")
        return link

    def _signature(self, method: str, key: str, query: Mapping[str, str]) -> str:
        # A JSON array has one reading only: no two links come to the same text, as they would if
        # the parts were just joined.
        parts = [method, key, *(query.get(name) for name in _PARAMETERS)]
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

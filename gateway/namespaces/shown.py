"""What a request or a socket shows of who is asking."""

from __future__ import annotations

import re

from gateway.errors import Unauthenticated
from gateway.namespaces.key_secrets import digest

# An ``Authorization`` and a namespace.
Shown = tuple[str | None, str | None]

_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE | re.ASCII)


def shown_in(payload: object) -> Shown:
    """Return the two texts that the payload of a ``connection_init`` shows.

    Raises:
        Unauthenticated: It is no object.
    """
    if payload is not None and not isinstance(payload, dict):
        raise Unauthenticated(
            "the payload of connection_init has to be an object, as in"
            ' {"Authorization": "Bearer sk_…", "X-Namespace": "…"}'
        )
    return (
        authorization_in(payload),
        _text_in(payload or {}, "X-Namespace", "x-namespace", "namespace"),
    )


def authorization_in(payload: dict[str, object] | None) -> str | None:
    """Return what the payload of a socket's ``connection_init`` shows as ``Authorization``."""
    return _text_in(payload or {}, "Authorization", "authorization")


def secret_digest_in(authorization: str | None) -> bytes:
    """Return the digest of the secret that is shown, which is known by it as long as it works.

    Raises:
        Unauthenticated: No secret is shown.
    """
    return digest(secret_in(authorization))


def secret_in(authorization: str | None) -> str:
    """Return the secret that is shown.

    Raises:
        Unauthenticated: None is.
    """
    how = 'send "Authorization: Bearer sk_…" with an API key of this gateway'
    if authorization is None:
        raise Unauthenticated(f"an API key is needed: {how}")
    match = _BEARER.fullmatch(authorization.strip())
    if match is None or not match[1].startswith("sk_"):
        raise Unauthenticated(f"Authorization is not what it has to be: {how}")
    return match[1]


def _text_in(payload: dict[str, object], *names: str) -> str | None:
    """Return the text under the first of the names that is given; what is no text names nothing."""
    given = (payload[name] for name in names if payload.get(name) is not None)
    value = next(given, None)
    return value if value is None or isinstance(value, str) else "?"

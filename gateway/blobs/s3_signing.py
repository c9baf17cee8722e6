"""URLs of S3 that carry their own permission: Signature Version 4, in the query.

botocore makes the same URLs, but only in a coroutine, and takes ten times as long: 1.2 s for the
thousand blobs that a page may have.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_UNCHANGED = "-_.~"  # by RFC 3986, and by nothing else that S3 would sign


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs. The secret and the token are shown nowhere.

    Args:
        token: Of temporary credentials; URLs stop working when they end, whatever their own term.
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class S3Signer:
    """Makes URLs for the keys of one bucket.

    Args:
        endpoint: Where clients reach S3, as in ``https://s3.eu-central-1.amazonaws.com``.
        virtual: The bucket is part of the host's name, else of the path.
        credentials: Returns those to sign with now.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        bucket: str,
        region: str,
        virtual: bool,
        credentials: Callable[[], Credentials],
    ) -> None:
        parts = urlsplit(endpoint)
        self._scheme = parts.scheme
        self._host = f"{bucket}.{parts.netloc}" if virtual else parts.netloc
        self._root = parts.path.rstrip("/") + ("/" if virtual else f"/{bucket}/")
        self._region = region
        self._credentials = credentials
        self._derived: tuple[tuple[str, str], bytes] | None = None

    def url(
        self,
        method: str,
        key: str,
        *,
        expires_in_s: int,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> str:
        """Return a URL that allows ``method`` on ``key``.

        Args:
            query: Further parameters.
            headers: What has to be sent with it, as it is here.
            now: When it begins to work; None: at once.
        """
        credentials = self._credentials()
        moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        signed = {name.lower(): value for name, value in (headers or {}).items()}
        signed["host"] = self._host
        parameters = {
            **(query or {}),
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{credentials.access_key}/{scope}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(expires_in_s),
            "X-Amz-SignedHeaders": ";".join(sorted(signed)),
        }
        if credentials.token is not None:
            parameters["X-Amz-Security-Token"] = credentials.token
        path = quote(self._root + key, safe="/" + _UNCHANGED)
        canonical_query = "&".join(
            f"{quote(name, safe=_UNCHANGED)}={quote(value, safe=_UNCHANGED)}"
            for name, value in sorted(parameters.items())
        )
        canonical = "\n".join(
            [
                method,
                path,
                canonical_query,
                # The value's ends and runs of blanks count for nothing, for S3 as for HTTP.
                *(f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)),
                "",
                ";".join(sorted(signed)),
                "UNSIGNED-PAYLOAD",
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        signing_key = self._key(credentials.secret_key, moment[:8])
        signature = hmac.digest(signing_key, text.encode(), "sha256").hex()
        return f"{self._scheme}://{self._host}{path}?{canonical_query}&X-Amz-Signature={signature}"

    def _key(self, secret_key: str, day: str) -> bytes:
        """Return the key for a day, derived once."""
        if self._derived is None or self._derived[0] != (secret_key, day):
            derived = f"AWS4{secret_key}".encode()
            for each in (day, self._region, "s3", "aws4_request"):
                derived = hmac.digest(derived, each.encode(), "sha256")
            self._derived = ((secret_key, day), derived)
        return self._derived[1]

"""Links that tell what was signed, and nothing of when."""

from __future__ import annotations

import json


def link(key: str, seconds: int, filename: str | None, mime_type: str | None) -> str:
    return json.dumps([key, seconds, filename, mime_type])


class Links:
    """Stands where the blob store does: what is read needs links of it, no bytes."""

    def download_url(
        self, key: str, *, expires_in_s: int, filename: str | None, mime_type: str | None
    ) -> str:
        return link(key, expires_in_s, filename, mime_type)

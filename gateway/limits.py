"""How much one request may bring."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that services check; the defaults are those of the settings."""

    metadata_bytes: int = 256 * 1024
    inline_bytes: int = 10 * 1024 * 1024
    blobs_per_object: int = 100
    name_characters: int = 255
    upload_bytes: int = 5 * 1024**4

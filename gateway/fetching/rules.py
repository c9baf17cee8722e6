"""What may be fetched, and how much of the gateway's time and room one fetch may take."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from gateway.fetching.addresses import Addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules:
    """Bounds of a fetch; the defaults are those of the settings.

    Args:
        connect_s: For each server: looking its name up, connecting, and TLS.
        idle_s: From one byte to the next, and from the request to the end of the answer's headers.
        total_s: From the first look-up to the last byte, with all redirects.
    """

    schemes: frozenset[str] = frozenset({"http", "https"})
    ports: Collection[int] = frozenset({80, 443})
    addresses: Addresses = field(default_factory=Addresses)
    most_bytes: int = 5 * 1024**3
    connect_s: float = 10
    idle_s: float = 30
    total_s: float = 3600

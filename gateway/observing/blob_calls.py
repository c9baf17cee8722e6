"""Looks at calls to the blob store as they end."""

from __future__ import annotations

from collections import Counter, defaultdict
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.errors import Unavailable
from gateway.observing.histograms import BYTES_S, Histogram

if TYPE_CHECKING:  # its packages may be missing
    from gateway.observing.tracing import Tracing


class BlobCalls:
    """By the names of the store's methods."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(BYTES_S))
        self.outages: Counter[str] = Counter()
        self.tracing: Tracing | None = None

    def ended(self, name: str, started_at: float, error: BaseException | None = None) -> None:
        """Take note of a call.

        Args:
            started_at: By ``perf_counter``.
            error: By which it ended. What is wrong with the bytes is no outage.
        """
        self.seconds[name].observe(perf_counter() - started_at)
        if isinstance(error, Unavailable):
            self.outages[name] += 1
        if self.tracing is not None:
            self.tracing.blob_call(name, started_at, error)

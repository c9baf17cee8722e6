"""Token buckets that are each kept as one number."""

from __future__ import annotations

import time
from collections.abc import Callable

# Buckets of one generation; two are kept. An entry takes 200 bytes, so all of them 20 MB.
MOST_KEPT = 50_000


class Buckets:
    """A bucket of tokens for each subject, full at first, refilled at a steady rate.

    A bucket is kept as the moment at which it will be full again (the generic cell rate algorithm).
    One that is full need not be kept at all: whatever was not touched for the time in which one
    fills that owes all it can is let go, and more than ``most`` let go of the older ones early. So
    ten thousand new subjects a second take no more memory than a thousand.

    Args:
        per_s: Tokens that a bucket gets in a second.
        burst: Tokens that a full bucket has.
        clock: In seconds; steady.
    """

    def __init__(
        self,
        per_s: float,
        burst: float,
        *,
        most: int = MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_s = per_s
        self.fill_s = burst / per_s
        self._most_ahead_s = 2 * self.fill_s
        self._each_s = 1 / per_s
        self._slack_s = self._each_s / 100  # sums of fractions are never exact
        self._most = most
        self._clock = clock
        self._young: dict[str, float] = {}
        self._old: dict[str, float] = {}
        self._young_until = clock() + self._most_ahead_s

    def take(self, subject: str) -> float:
        """Take a token.

        Returns:
            0, or in how many seconds there will be one, where there is none.
        """
        now = self._clock()
        full_at = self._young.get(subject)
        if full_at is None:
            full_at = self._old.get(subject, now)
        if full_at < now:
            full_at = now
        full_at += self._each_s
        wait_s = full_at - now - self.fill_s
        if wait_s > self._slack_s:
            return wait_s
        self._keep(subject, full_at, now)
        return 0.0

    def charge(self, subject: str, tokens: float) -> None:
        """Take tokens, be they there or not; nobody owes more than a full bucket has."""
        now = self._clock()
        full_at = self._full_at(subject, now) + tokens * self._each_s
        self._keep(subject, min(full_at, now + self._most_ahead_s), now)

    def _full_at(self, subject: str, now: float) -> float:
        return max(now, self._young.get(subject) or self._old.get(subject, now))

    def _keep(self, subject: str, full_at: float, now: float) -> None:
        if now >= self._young_until or len(self._young) >= self._most:
            self._old, self._young = self._young, {}
            self._young_until = now + self._most_ahead_s
        self._young[subject] = full_at

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._young) + len(self._old)

"""Looks at statements as they end: how long they took, and which of them were slow."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from hashlib import blake2b
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.observing import notes
from gateway.observing.histograms import REQUEST_S, Histogram
from gateway.observing.logs import FIELDS

if TYPE_CHECKING:  # its packages may be missing
    from gateway.observing.tracing import Tracing

logger = logging.getLogger(__name__)

SLOW_S = 0.5
LONGEST_SHOWN = 1000
_LITERAL = re.compile(r"'(?:[^']|'')*'")


class Statements:
    """Of all connections of a pool.

    Args:
        slow_s: From which duration on a statement is logged.
    """

    def __init__(self, *, slow_s: float = SLOW_S) -> None:
        self.seconds = Histogram(REQUEST_S)
        self.answered = 0
        self.tracing: Tracing | None = None
        self._slow_s = slow_s

    def ended(self, sql: str, started_at: float, error: BaseException | None = None) -> None:
        """Take note of a statement.

        Args:
            started_at: By ``perf_counter``.
            error: By which it ended.
        """
        seconds = perf_counter() - started_at
        self.seconds.observe(seconds)
        if error is None:
            self.answered += 1
        if seconds >= self._slow_s:
            _tell(sql, seconds, error)
        if self.tracing is not None:
            self.tracing.statement(sql, started_at, error)


def _tell(sql: str, seconds: float, error: BaseException | None) -> None:
    known = notes.current()
    operation = known.operation if known else notes.NO_OPERATION
    milliseconds = round(seconds * 1000)
    end = "" if error is None else f", ended by {type(error).__name__}"
    logger.warning(
        "slow statement: %d ms in operation %s (plan %s)%s: %s",
        milliseconds,
        operation,
        plan_key(sql),
        end,
        shown(sql),
        extra={
            FIELDS: {"operation": operation, "plan": plan_key(sql), "duration_ms": milliseconds}
        },
    )


@lru_cache(1024)
def plan_key(sql: str) -> str:
    """Return by what a statement is recognized in logs and traces, whatever ids are in it."""
    return blake2b(_without_values(sql).encode(), digest_size=4).hexdigest()


@lru_cache(1024)
def shown(sql: str) -> str:
    """Return the beginning of a statement in one line, with no value in it."""
    return " ".join(_without_values(sql).split())[:LONGEST_SHOWN]


def _without_values(sql: str) -> str:
    return _LITERAL.sub("'?'", sql)

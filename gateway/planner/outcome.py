"""What a mutation came to on the short road, for the long road to tell of."""

from __future__ import annotations

from typing import Any


class Outcome:
    """A payload, or the error that there is in place of one.

    A mutation that was begun on the short road must never run again. Where its answer takes what
    only the long road can do, that is executed with this as its root value.
    """

    __slots__ = ("_error", "_payload")

    def __init__(self, payload: Any = None, *, error: Exception | None = None) -> None:
        self._payload = payload
        self._error = error

    def payload(self) -> Any:
        """Return the payload, or raise the error."""
        if self._error is not None:
            raise self._error
        return self._payload

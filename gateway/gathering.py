"""Going on after a failure, so that a caller is told of all at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import NoReturn

from gateway.errors import Refused, UserFailure

# Nobody mends more at a time, and no input may make us write an answer without measure.
MOST_FAILURES = 100


class _Below(AbstractContextManager[None]):
    # A class, because each value of an input is checked in such a block: a generator takes five
    # times as long.
    __slots__ = ("_failures", "_parents")

    def __init__(self, failures: list[UserFailure], parents: tuple[str, ...]) -> None:
        self._failures = failures
        self._parents = parents

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if failure is None:
            return False
        if isinstance(failure, UserFailure):
            self._failures.append(failure.below(*self._parents))
            return True
        if isinstance(failure, Refused):
            self._failures.extend(each.below(*self._parents) for each in failure.failures)
            return True
        return False


class Gathering:
    """The failures of several checks, each made in a ``with gathering.below():``."""

    def __init__(self) -> None:
        self.failures: list[UserFailure] = []
        self._here = _Below(self.failures, ())

    def below(self, *parents: str) -> AbstractContextManager[None]:
        """Keep the failure of the block, its path moved under ``parents``, and go on after it."""
        return _Below(self.failures, parents) if parents else self._here

    def end(self) -> None:
        """Return if nothing failed.

        Raises:
            UserFailure, Refused: What failed.
        """
        if self.failures:
            refuse(self.failures)


def refuse(failures: Sequence[UserFailure]) -> NoReturn:
    """Raise the failure, or several together; of very many, the first ``MOST_FAILURES``."""
    raise failures[0] if len(failures) == 1 else Refused(failures[:MOST_FAILURES])

"""Going on after a failure, so that a caller is told of all at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.checks import refuse
from gateway.errors import Refused, UserFailure


class Gathering:
    """The failures of several checks, each made in a ``with gathering.below():``."""

    def __init__(self) -> None:
        self.failures: list[UserFailure] = []

    @contextmanager
    def below(self, *parents: str) -> Iterator[None]:
        """Keep the failure of the block, its path moved under ``parents``, and go on after it."""
        try:
            yield
        except UserFailure as failure:
            self.failures.append(failure.below(*parents))
        except Refused as refused:
            self.failures.extend(each.below(*parents) for each in refused.failures)

    def end(self) -> None:
        """Return if nothing failed.

        Raises:
            UserFailure, Refused: What failed.
        """
        if self.failures:
            refuse(self.failures)

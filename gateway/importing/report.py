"""What became of an import, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """What became of an import.

    Args:
        imported: Files of which objects were made.
        present: Files of which there were objects already.
        sent_bytes: What was transferred.
        failures: Why files were not imported, by their paths.
    """

    imported: int = 0
    present: int = 0
    imported_bytes: int = 0
    sent_bytes: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many files are dealt with."""
        return self.imported + self.present + len(self.failures)


# Told how many bytes more are dealt with, and how it stands.
OnProgress = Callable[[int, Report], None]

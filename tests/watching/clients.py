"""Programs that follow: what they are told is read from a file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.serve.gateways import until

from .conftest import Event


class Client:
    """A program that follows a bucket; what it is told is in a file."""

    def __init__(self, file: Path, process: subprocess.Popen[bytes]) -> None:
        self._file = file
        self._process = process

    @property
    def told(self) -> list[Any]:
        whole, _, _ = self._file.read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def events(self) -> list[Event]:
        return [each for each in self.told if "cursor" in each]

    @property
    def reads(self) -> list[int]:
        return [each["read"] for each in self.told if "read" in each]

    def until_told(self, number: int) -> list[Event]:
        """Return the events once there are as many."""

        def told() -> list[Event] | None:
            assert self._process.poll() is None, self.told
            events = self.events
            return events if len(events) >= number else None

        found: list[Event] = until(told, f"{number} events are told")
        return found

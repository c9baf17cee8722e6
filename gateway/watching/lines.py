"""What happens as lines of JSON, for machines."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, BinaryIO

import orjson

from gateway.remote import Refusal
from gateway.watching.api import Counts
from gateway.watching.following import Message

# Every line has all of them, in this order.
FIELDS = (
    "cursor",
    "event",
    "kind",
    "nodeId",
    "bucketId",
    "collectionId",
    "rootObjectId",
    "version",
    "previousStatus",
    "status",
    "error",
    "at",
)


class Lines:
    """Writes an event a line, at once; a reset is a line too, whose event is ``RESET``.

    Args:
        tell: Says to people what is no event.
    """

    wants_counts = False
    wants_names = False

    def __init__(self, output: BinaryIO, tell: Callable[[str], None]) -> None:
        self._output = output
        self._tell = tell

    def shown(self) -> AbstractContextManager[Any]:
        """Return what shows this for as long as it is entered."""
        return nullcontext()

    def found(self, bucket_name: str) -> None:
        """Take note of what the bucket is called."""

    def event(self, message: Message) -> None:
        """Show an event."""
        self._write({name: message[name] for name in FIELDS})

    def reset(self, message: Message) -> None:
        """Show that events are missing."""
        cursor, reason = message["cursor"], message["reason"]
        self._tell(f"events were missed that are gone ({reason}); it goes on after them")
        told = {"cursor": cursor, "event": "RESET", "error": reason}
        self._write(dict.fromkeys(FIELDS) | told)

    def counted(self, counts: Counts) -> None:
        """Take note of how much there is in each status."""

    def following(self, is_live: bool) -> None:
        """Take note of whether what comes happens now."""

    def waiting(self, why: Refusal) -> None:
        """Say that the gateway is away."""
        self._tell(f"waiting for the gateway: {why}")

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._output.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            self._output.flush()
        except OSError as error:
            _let_go(self._output)
            if isinstance(error, BrokenPipeError):
                raise  # whoever reads has had enough
            raise Refusal(f"what happens cannot be written: {error.strerror}") from error


def _let_go(output: BinaryIO) -> None:
    """Have what is still to be written go nowhere; Python would try again when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output.fileno())
    os.close(nowhere)

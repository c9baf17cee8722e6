"""One who follows a stream."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

from gateway.events.following import Sink
from gateway.events.streams.entries import Entry

if TYPE_CHECKING:
    from gateway.events.streams.stream import Stream


class State(Enum):
    """What a subscriber does."""

    LIVE = auto()
    SLOW = auto()
    CATCHING_UP = auto()
    ENDED = auto()


class Opening(Enum):
    """What a subscriber is still to be told of where it is."""

    NOTHING = auto()
    IS_REPLAYING = auto()
    IS_LIVE = auto()


class Subscriber:
    """A place in a stream, and where what comes after it is written to.

    Args:
        shown: The version and status that were told at first: no event is told that led to it.
    """

    __slots__ = ("opening", "position", "shown", "sink", "state", "stream", "task")

    def __init__(self, stream: Stream, sink: Sink, position: int) -> None:
        self.stream = stream
        self.sink = sink
        self.position = position
        self.state = State.CATCHING_UP
        self.opening = Opening.NOTHING
        self.shown: tuple[int, str | None] | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def is_catching_up(self) -> bool:
        """Whether it is given what it lacks."""
        return self.state is State.CATCHING_UP

    @property
    def is_following(self) -> bool:
        """Whether it has not ended."""
        return self.state is not State.ENDED

    def drained(self) -> None:
        """Go on sending."""
        if self.state is State.SLOW:
            self.state = State.CATCHING_UP
            self.stream.catching_up.go_on(self)

    def stop(self) -> None:
        """Send nothing more."""
        self.stream.audience.leave(self)

    def lacks(self, entry: Entry) -> bool:
        """Tell whether a message is for it: neither behind it, nor of a state that was shown."""
        return entry.seq > self.position and not self._is_shown(entry)

    def _is_shown(self, entry: Entry) -> bool:
        """Tell whether it has been told of a later state already."""
        if self.shown is None:
            return False
        version, status = self.shown
        if entry.version < version or (entry.version == version and entry.status == status):
            return True
        self.shown = None
        return False

"""Messages as a stream has them: with what decides who gets them, and those that it keeps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from gateway.events.following import Message

# Between two looks at what else there is to do.
MOST_EVENTS = 256
# Of what is written to a subscriber at once: more would wait in its buffer.
PORTION_BYTES = 64 * 1024
# What an entry takes besides its bytes.
ENTRY_BYTES = 400

_SEQ = attrgetter("seq")


class Entry(NamedTuple):
    """A message in a stream, and what of its event decides who gets it.

    Args:
        is_last: Nothing follows it.
    """

    seq: int
    message: Message
    version: int
    status: str | None
    is_last: bool


class Kept:
    """The newest messages of a stream: all after ``floor``."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.size = 0
        self._entries: list[Entry] = []

    def add(self, entries: Sequence[Entry]) -> int:
        """Keep messages that follow those before; return how many bytes they take."""
        self._entries += entries
        added = size_of(entries)
        self.size += added
        return added

    def after(self, position: int) -> list[Entry]:
        """Return the next messages after a place that is not before ``floor``."""
        if not self._entries or self._entries[-1].seq <= position:
            return []
        start = bisect_right(self._entries, position, key=_SEQ)
        return self._entries[start : start + MOST_EVENTS]

    def forget_half(self) -> int:
        """Keep the newer half of the messages only; return how many bytes went."""
        count = (len(self._entries) + 1) // 2
        if not count:
            return 0
        gone = self._entries[:count]
        del self._entries[:count]
        self.floor = gone[-1].seq
        size = size_of(gone)
        self.size -= size
        return size

    def clear(self) -> None:
        """Keep nothing."""
        self._entries.clear()
        self.size = 0


def size_of(entries: Iterable[Entry]) -> int:
    """Return how many bytes messages take."""
    return sum(len(each.message.json) + ENTRY_BYTES for each in entries)


def portions(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Return messages in parts that are not too large to be written at once."""
    start = size = 0
    for place, each in enumerate(entries):
        size += len(each.message.json)
        if size > PORTION_BYTES and place > start:
            yield entries[start:place]
            start, size = place, len(each.message.json)
    if entries:
        yield entries[start:]

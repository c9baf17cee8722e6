"""All streams of a process: which of them an event is for, and what they keep together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from gateway.events.streams.pages import KeptPages
from gateway.events.streams.stream import Stream

MOST_PAGES, MOST_PAGE_BYTES = 64, 8 * 1024 * 1024


class _Place:
    """The streams of one namespace: those about certain nodes by them, and the others."""

    def __init__(self) -> None:
        self.by_node: dict[str, dict[Stream, None]] = defaultdict(dict)
        self.others: dict[Stream, None] = {}


class Streams:
    """The streams that somebody follows.

    Args:
        most_bytes: What of messages is kept for those who are slow, or come back.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept_bytes = 0
        self._by_key: dict[object, Stream] = {}
        self._places: dict[str, _Place] = {}
        self.pages = KeptPages(MOST_PAGES, most_weight=MOST_PAGE_BYTES)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_key)

    def __iter__(self) -> Iterator[Stream]:
        """Return those that there are now."""
        return iter(list(self._by_key.values()))

    def find(self, key: object) -> Stream | None:
        """Return the stream of a key."""
        return self._by_key.get(key)

    def add(self, stream: Stream) -> None:
        """Have events come to a stream."""
        self._by_key[stream.key] = stream
        place = self._places.setdefault(stream.topic.namespace_id, _Place())
        for node_id in stream.topic.wanted.node_id or ():
            place.by_node[node_id][stream] = None
        if stream.topic.wanted.node_id is None:
            place.others[stream] = None

    def end(self, stream: Stream) -> None:
        """Forget a stream that nobody follows any more."""
        if self._by_key.get(stream.key) is not stream:
            return
        del self._by_key[stream.key]
        self._kept_bytes -= stream.kept.size
        place = self._places[stream.topic.namespace_id]
        place.others.pop(stream, None)
        for node_id in stream.topic.wanted.node_id or ():
            of_node = place.by_node[node_id]
            of_node.pop(stream, None)
            if not of_node:
                del place.by_node[node_id]
        if not place.others and not place.by_node:
            del self._places[stream.topic.namespace_id]
        if not self._by_key:
            self.pages.clear()

    def about(self, namespace_id: str, node_id: str) -> Iterable[Stream]:
        """Return the streams that an event may be for."""
        place = self._places.get(namespace_id)
        if place is None:
            return ()
        of_node = place.by_node.get(node_id)
        return (*place.others, *of_node) if of_node else place.others

    def count_kept(self, size: int) -> None:
        """Count what a stream keeps; where it is too much in all, each forgets the older half."""
        self._kept_bytes += size
        while self._kept_bytes > self._most_bytes:
            self._kept_bytes -= sum(each.kept.forget_half() for each in self._by_key.values())

"""What has not come to an end yet, kept by events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from gateway.enums import EntityKind
from gateway.status import ENDS

_WORKED_ON = frozenset({EntityKind.OBJECT, EntityKind.DOCUMENT})


class Unfinished:
    """Objects and documents whose work goes on, each at the version that is known of it.

    They are read after the place from which events are told, so some of those events are in what
    was read. The version tells which of those that were read; others that come to an end in them
    are taken up by the first and let go by the last, so what is empty is never so too early.
    """

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes on."""
        return not self._versions

    async def read(self, nodes: AsyncIterator[tuple[str, int]]) -> None:
        """Begin anew with what a gateway tells."""
        self._versions = {id: version async for id, version in nodes}

    def take(self, event: Mapping[str, Any]) -> None:
        """Take an event into account."""
        if event["kind"] not in _WORKED_ON:
            return
        id, version = event["nodeId"], event["version"]
        if version <= self._versions.get(id, 0):
            return
        if event["event"] == "DELETED" or event["status"] in ENDS[event["kind"]]:
            self._versions.pop(id, None)
        else:
            self._versions[id] = version

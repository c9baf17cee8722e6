"""What a stream tells of: which events, and when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.enums import EntityKind, EventKind
from gateway.events.filters import Wanted
from gateway.status import ENDS


@dataclass(frozen=True, slots=True)
class Topic:
    """Events of one namespace.

    Args:
        has_words: Whether checkpoints and resets are told between them.
        can_end: Whether it is over at some event: when its one node is gone,
        until_terminal: or at the end of its work.
    """

    namespace_id: str
    wanted: Wanted
    has_words: bool = True
    can_end: bool = False
    until_terminal: bool = False
    fits: Callable[[Any], bool] = field(init=False)

    def __post_init__(self) -> None:
        """Make the test of events."""
        object.__setattr__(self, "fits", self.wanted.test())

    @classmethod
    def of_node(cls, namespace_id: str, id: str, *, until_terminal: bool) -> Topic:
        """Return the topic of one node's status."""
        wanted = Wanted(
            node_id=frozenset([id]),
            event=frozenset([EventKind.STATUS_CHANGED, EventKind.DELETED]),
        )
        return cls(
            namespace_id, wanted, has_words=False, can_end=True, until_terminal=until_terminal
        )

    @property
    def node_id(self) -> str:
        """The one node that it is about."""
        return next(iter(self.wanted.node_id or ()))

    def ends_with(self, event: Any) -> bool:
        """Tell whether nothing follows an event."""
        if not self.can_end:
            return False
        is_gone: bool = event.event == EventKind.DELETED
        is_done = event.status in ENDS.get(EntityKind[event.kind], ())
        return is_gone or (self.until_terminal and is_done)

"""The scalar of cursors of events, which reads with a database's key."""

from __future__ import annotations

import strawberry
from strawberry.types.scalar import ScalarDefinition

from gateway.events.cursors import EventCursors


def event_cursor(cursors: EventCursors) -> ScalarDefinition:
    """Return the scalar, whose values in Python are places in inputs and texts in answers."""
    return strawberry.scalar(
        name="EventCursor",
        description="A place among the events of a namespace: opaque, to be passed on as it is.",
        parse_value=cursors.read,
    )

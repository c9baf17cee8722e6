"""What subscribers to events get besides events."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.enums import Word, words
from gateway.events.cursors import EventCursor
from gateway.events.types import StatusEvent


@words("Why events cannot be told from the place that was asked for.")
class ResetReason(Word):
    EXPIRED = "EXPIRED", "Some of them are older than events are kept."
    DIVERGED = (
        "DIVERGED",
        "The database was set back since that place was given, and went on in another way.",
    )


@strawberry.type(
    description="A place to resume from: all events up to it were told. The first message is one,"
    " and others come when nothing has happened for long."
)
class StatusCheckpoint:
    cursor: EventCursor = strawberry.field(description="The place: pass it as `after`.")
    replaying: bool = strawberry.field(
        description="true: what follows happened before, up to a checkpoint with false; from there"
        " on, events are told as they happen."
    )


@strawberry.type(
    description="Events were missed that nobody can tell any more. Read anew what is shown; what"
    " follows happens after that place."
)
class StatusReset:
    reason: ResetReason = strawberry.field(description="Why.")
    cursor: EventCursor = strawberry.field(description="The place from which it goes on.")


StatusMessage = Annotated[
    StatusCheckpoint | StatusEvent | StatusReset,
    strawberry.union("StatusMessage", description="An event, or a word on the events that follow."),
]

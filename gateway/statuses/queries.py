"""The root field that tells which moves of status are legal."""

from __future__ import annotations

import strawberry

from gateway.enums import EntityKind, Status
from gateway.status import TRANSITIONS


@strawberry.type(description="Where a status may go next.")
class StatusTransition:
    kind: EntityKind = strawberry.field(description="Of what kind of thing.")
    from_: Status = strawberry.field(name="from", description="The status it has.")
    to: list[Status] = strawberry.field(
        description="The statuses it may get; empty: it keeps that one."
    )


@strawberry.type
class StatusQueries:
    @strawberry.field(
        description="The legal moves of status; every other is refused, whoever asks for it."
    )
    def status_transitions(self) -> list[StatusTransition]:
        return [
            StatusTransition(kind=kind, from_=start, to=list(ends))
            for kind, moves in TRANSITIONS.items()
            for start, ends in moves.items()
        ]

"""Where rows stand in the log, and how a read says up to where it goes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, BigInteger

from gateway.context import Context
from gateway.events.cursors import EventCursor, EventPosition
from gateway.events.log import LAST_SEQ, epoch_of
from gateway.events.tables import EventRow
from gateway.planner.declare import computed, trail


def _cursors(context: Context, needs: list[dict[str, Any]]) -> list[EventCursor]:
    write, namespace_id = context.cursors.write, context.caller.namespace_id
    return [write(namespace_id, each["epoch"], each["seq"]) for each in needs]


def cursor_of_event(description: str) -> Any:
    """Read the cursor of an event, in the log itself."""
    needs = {"epoch": lambda event: epoch_of(event.seq), "seq": lambda event: event.seq}
    return computed(_cursors, needs=needs, is_sure=True, description=description)


def cursor_of_read(description: str) -> Any:
    """Read the cursor behind which all lies that the same statement does not see.

    The statement may see some of it already: what was committed, and not yet in the log.
    """
    needs = {"epoch": lambda _: epoch_of(LAST_SEQ), "seq": lambda _: LAST_SEQ}
    return computed(_cursors, needs=needs, is_sure=True, description=description)


def history(description: str) -> Any:
    """Read the events of the row that a field stands in, the oldest first."""
    return trail(
        "node_id",
        order=EventRow.seq.key,
        after=EventCursor,
        kind=ARRAY(BigInteger),
        place=_place,
        beyond=_beyond,
        description=description,
    )


def _place(after: EventPosition | None, namespace_id: str) -> list[int]:
    if after is None:
        return [0, 0]
    after.require(namespace_id)
    return [after.epoch, after.seq]


def _beyond(seq: str, place: str) -> str:
    # Numbers from the next epoch on were given anew: what they tell of came after this place. Of an
    # epoch that is not known here, all of them may have been.
    epoch = f"SELECT epoch FROM event_epochs WHERE mark = ({place})[1]"  # noqa: S608
    again = f"SELECT min(first_seq) - 1 FROM event_epochs WHERE epoch > coalesce(({epoch}), 0)"  # noqa: S608
    return f"{seq} > least(({place})[2], ({again}))"

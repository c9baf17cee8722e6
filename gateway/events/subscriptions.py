"""Root fields that tell of events; the hub follows them in their place (``hub.py``)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from gateway.events.cursors import EventCursor
from gateway.events.filters import StatusEventFilter
from gateway.events.messages import StatusMessage
from gateway.events.types import StatusEvent


@strawberry.type
class EventSubscriptions:
    @strawberry.subscription(
        description="Every event that fits, once and in order, from a place on. The first message"
        " is a checkpoint, or a reset where events were missed that are gone. Keep the cursor of"
        " the last message: whoever comes back with it misses nothing and gets nothing twice."
    )
    async def status_changed(
        self,
        filter: Annotated[
            StatusEventFilter | None, strawberry.argument(description="Which; null: all.")
        ] = None,
        after: Annotated[
            EventCursor | None,
            strawberry.argument(
                description="Where to go on: the cursor of a message, or one that was read beside"
                " data, as `viewer.eventCursor`. null: from now on."
            ),
        ] = None,
    ) -> AsyncGenerator[StatusMessage]:
        raise NotImplementedError
        yield

    @strawberry.subscription(
        description="Where one thing stands, then each change of its status, and that it is gone."
        " The first message is a STATUS_CHANGED without a `previousStatus`."
    )
    async def node_status(
        self,
        id: Annotated[
            strawberry.ID,
            strawberry.argument(
                description="A bucket, an object, a document, a collection or an upload."
            ),
        ],
        until_terminal: Annotated[
            bool,
            strawberry.argument(
                description="true: it completes at the end of its work, as COMPLETED or FAILED;"
                " false: only once the thing is gone."
            ),
        ] = True,
    ) -> AsyncGenerator[StatusEvent]:
        raise NotImplementedError
        yield

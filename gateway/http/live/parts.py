"""What a connection that stays open works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.caller import Caller
from gateway.context import Context
from gateway.events.following import Follows
from gateway.http.door import Door
from gateway.http.live.admission import Admission
from gateway.http.live.open_connections import OpenConnections
from gateway.http.live.rules import LiveRules
from gateway.http.origins import Origins
from gateway.http.persisted import PersistedTexts
from gateway.observing.edge import Edge
from gateway.schema import GatewaySchema

MakeContext = Callable[[Caller], Context]


@dataclass(frozen=True, slots=True)
class LiveParts:
    """The parts of the gateway that all connections share.

    Args:
        follows: None: there are no subscriptions.
        edge: What is told of requests, and of operations on sockets, as they begin and end.
    """

    schema: GatewaySchema
    door: Door
    origins: Origins
    make_context: MakeContext
    persisted: PersistedTexts
    follows: Follows | None
    connections: OpenConnections
    admission: Admission
    edge: Edge
    rules: LiveRules

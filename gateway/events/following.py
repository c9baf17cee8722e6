"""What sockets and SSE ask of whoever runs subscriptions, and what they offer in return.

A subscriber is a position, not a queue: a sink keeps nothing besides what its transport has not
sent yet, and asks for the rest once that is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import GraphQLError

from gateway.context import Context
from gateway.errors import GatewayError, LimitExceeded, Unavailable

# Who is ended by one of these may resume at once: the client is told so.
MAY_COME_AGAIN = (Unavailable, LimitExceeded)


@dataclass(frozen=True, slots=True)
class Message:
    """One execution result of a subscription, encoded once for everyone who gets it.

    Args:
        json: ``{"data": {…}}``: the payload of ``next``, the data of an event of SSE.
        cursor: The EventCursor to resume after it, which is its id in SSE; None: it moves nobody
            on.
    """

    json: bytes
    cursor: str | None


class Sink(Protocol):
    """Where one subscriber's messages go: an operation on a socket, or an answer as SSE."""

    def send(self, messages: Sequence[Message]) -> bool:
        """Write messages at once, in order.

        Returns:
            False: the other side is slow. What was given is on its way, but no more may be sent
            until the sink has called ``Following.drained()``.
        """

    def complete(self) -> None:
        """End the subscription well; nothing follows."""

    def fail(self, error: GatewayError) -> None:
        """Tell the client that it cannot go on: the socket is closed, the answer as SSE ended.

        Args:
            error: One of ``MAY_COME_AGAIN``, or a fault of ours, which is logged.
        """


class Following(Protocol):
    """A subscriber, as its sink sees it."""

    def drained(self) -> None:
        """Go on sending; called exactly once for each ``send`` that returned False."""

    def stop(self) -> None:
        """Send nothing more: the client is gone, or asked for the end. May be called twice."""


class Follows(Protocol):
    """Whoever runs subscriptions."""

    async def follow(
        self,
        text: str,
        variables: dict[str, Any],
        name: str | None,
        context: Context,
        sink: Sink,
        *,
        after: str | None = None,
    ) -> Following | list[GraphQLError]:
        """Start the subscription operation of a document.

        The sink may be called before this returns, also ``complete``. Who asks is never cancelled
        meanwhile: what follows a client that is gone by then is stopped afterwards.

        Args:
            name: Of the operation; None if there is one only.
            after: The cursor to resume after, in place of the argument: ``Last-Event-ID`` of SSE.

        Returns:
            What follows now; or why nothing does, each error with its code.
        """

"""One operation on a socket: one result, or those of a subscription as they come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from graphql import GraphQLError, OperationType
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.graphql import OperationType as RequestedType

from gateway.caller import Caller
from gateway.errors import BadUserInput, GatewayError, RequestFailure, Unexpected
from gateway.events.following import MAY_COME_AGAIN, Following, Follows, Message
from gateway.http import answers
from gateway.http.live.farewells import FAULT, try_later
from gateway.http.live.open_connections import KeyUse
from gateway.http.requests import Asked
from gateway.http.sockets import frames
from gateway.observing import notes

if TYPE_CHECKING:
    from gateway.http.sockets.connection import Connection

logger = logging.getLogger(__name__)

_TAKEN = frozenset({RequestedType.QUERY, RequestedType.MUTATION})


class Client(NamedTuple):
    """Who has been let in on a socket.

    Args:
        reports_cost: Answers say what they cost.
        trace: The headers that name the trace of which its operations are parts.
    """

    caller: Caller
    use: KeyUse
    address: str
    reports_cost: bool
    trace: Mapping[str, str]


class Operation:
    """Runs what was asked under an id, and is the sink of it if it is a subscription."""

    __slots__ = (
        "_before",
        "_client",
        "_connection",
        "_following",
        "_is_counted",
        "_is_drained_early",
        "_is_over",
        "_outlet",
        "_task",
        "id",
    )

    def __init__(self, connection: Connection, client: Client, id: str) -> None:
        self.id = id
        self._connection = connection
        self._outlet = connection.outlet
        self._client = client
        self._before = frames.before_results(id)
        self._following: Following | None = None
        self._is_over = False
        self._is_counted = False
        self._is_drained_early = False
        # What may be given up at any moment; a mutation may not once it has begun.
        self._task: asyncio.Task[None] | None = None

    @property
    def has_one_result(self) -> bool:
        """Whether the client waits for an answer that comes but once."""
        return not self._is_counted

    def start(self, asked: Asked) -> asyncio.Task[None]:
        """Begin; the task ends when the one result is sent, or the subscription has begun."""
        task = self._task = asyncio.create_task(self._run(asked))
        return task

    def stop(self) -> None:
        """Send nothing more; the client does not want it, or is gone."""
        if self._is_over:
            return
        self._end()
        if self._following is not None:
            self._following.stop()
        if self._task is not None:
            self._task.cancel()

    def refuse(self, errors: Sequence[GraphQLError]) -> None:
        """Tell why nothing is executed."""
        if not self._is_over:
            told = [each.formatted for each in errors]
            self._end(frames.errors(self.id, told))

    # the sink

    def send(self, messages: Sequence[Message]) -> bool:
        """Write messages at once, in order; tell whether more may follow."""
        if self._is_over:
            return False
        if self._outlet.write(frames.results(self._before, messages)):
            return True
        self._outlet.when_drained(self._drained)
        return False

    def complete(self) -> None:
        """End the subscription well."""
        if not self._is_over:
            self._end(frames.complete(self.id))

    def fail(self, error: GatewayError) -> None:
        """Close the socket: the client comes again and resumes, or tells its user."""
        if self._is_over:
            return
        if isinstance(error, MAY_COME_AGAIN):
            self._connection.close(try_later(error.message))
        else:
            logger.error("a subscription has failed", exc_info=error)
            self._connection.close(FAULT)

    def _drained(self) -> None:
        if self._following is None:
            self._is_drained_early = True
        elif not self._is_over:
            self._following.drained()

    # the run

    async def _run(self, asked: Asked) -> None:
        parts = self._connection.parts
        notes.begin()
        parts.edge.begun(self._client.trace)
        try:
            text = parts.persisted.text_of(asked.query, asked.extensions)
            if not text:
                raise BadUserInput("query is missing; it has to be a document of GraphQL")
            kind = parts.schema.type_of(text, asked.name)
            if kind is OperationType.SUBSCRIPTION and parts.follows is not None:
                await self._follow(parts.follows, text, asked)
            else:
                if kind is OperationType.MUTATION:
                    self._task = None
                await self._answer(text, asked)
        except RequestFailure as failure:
            self.refuse([answers.error_of(failure)])
        except Exception:
            logger.exception("an operation on a socket has failed")
            self.refuse([answers.error_of(Unexpected(notes.request_id()))])
        finally:
            self._task = None
            parts.edge.ended()

    async def _answer(self, text: str, asked: Asked) -> None:
        """Send the result of a query or mutation."""
        parts = self._connection.parts
        schema, context = parts.schema, parts.make_context(self._client.caller)
        context.address = self._client.address
        context.reports_cost = self._client.reports_cost
        with schema.clock.operation():
            quick = await schema.answer(text, asked.variables, asked.name, context)
            if isinstance(quick, bytes):
                self._finish(quick)
                return
            try:
                result = await schema.execute(
                    text, asked.variables, context, quick, asked.name, _TAKEN
                )
            except InvalidOperationTypeError as error:
                raise BadUserInput("this gateway has no subscriptions") from error
        if answers.is_refused(result):
            self.refuse(result.errors or [])
        else:
            self._finish(answers.body_of(result))

    def _finish(self, json: bytes) -> None:
        if not self._is_over:
            self._end(frames.only_result(self._before, self.id, json))

    async def _follow(self, follows: Follows, text: str, asked: Asked) -> None:
        """Begin a subscription."""
        parts = self._connection.parts
        self._client.use.begin_subscription()
        self._is_counted = True
        self._connection.close_if_retired()  # it may have waited for what this turned out to be
        if self._is_over:
            return
        await parts.admission.turn()
        self._task = None  # whoever is asked to follow has to hand out what there is to stop
        context = parts.make_context(self._client.caller)
        found = await follows.follow(text, asked.variables, asked.name, context, self)
        if isinstance(found, list):
            self.refuse(found)
        elif self._is_over:
            found.stop()
        else:
            self._following = found
            if self._is_drained_early:
                found.drained()

    def _end(self, last: bytes = b"") -> None:
        self._is_over = True
        if last:
            self._connection.write(last)
        if self._is_counted:
            self._client.use.end_subscription()
        self._connection.forget(self)

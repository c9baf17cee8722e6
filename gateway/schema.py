"""The schema: what it makes of a document that somebody sends, and what it keeps of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import strawberry
from graphql import GraphQLError, OperationDefinitionNode, OperationType
from strawberry.exceptions import MissingQueryError
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.execution import ExecutionContext, PreExecutionError
from strawberry.types.graphql import OperationType as RequestedType

from gateway.context import Context
from gateway.deadline import Clock
from gateway.errors import BadUserInput, NotTrusted
from gateway.events.cursors import EventCursor, EventCursors
from gateway.events.scalar import event_cursor
from gateway.observing import notes
from gateway.planner.audit.auditor import audit
from gateway.planner.catalog import Catalog
from gateway.planner.executor import PlanExecutor
from gateway.planner.operation import name_of
from gateway.planner.outcome import Outcome
from gateway.planner.plan import PlanCache
from gateway.planner.prepared import Prepared, PreparedTexts
from gateway.planner.pricing.price import Price
from gateway.planner.reader import NoReader
from gateway.planner.samples import sample_variables
from gateway.query_limits.limits import DEFAULTS, QueryLimits
from gateway.roots import Mutation, Query, Subscription
from gateway.scalars import SCALARS
from gateway.telling import tell, told
from gateway.user_errors import ConflictError, FieldError
from gateway.validation.problems import DEFAULT_DISCLOSURE, Disclosure

logger = logging.getLogger(__name__)

PLANS_KEPT = 512
OPERATION_S = 15


class GatewaySchema(strawberry.Schema):
    """Strawberry's schema, which parses and validates each text once, and reads by plans.

    ``texts`` and ``plans`` are what is kept of both, with counts of hits and misses. ``clock``
    stops operations that take too long.
    """

    def __init__(
        self,
        *args: Any,
        limits: QueryLimits = DEFAULTS,
        cursors: EventCursors | None = None,
        disclosure: Disclosure = DEFAULT_DISCLOSURE,
        operation_s: float = OPERATION_S,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._cursors = cursors or EventCursors()
        self.clock = Clock(operation_s)
        schema = self._schema
        catalog = Catalog(schema)
        audit(schema, catalog)
        self._catalog = catalog
        self._only: frozenset[str] | None = None
        self.texts = PreparedTexts(schema, catalog, limits, disclosure)
        self.plans = PlanCache(PLANS_KEPT)
        self.execution_context_class = type(
            "BoundPlanExecutor",
            (PlanExecutor,),
            {
                "catalog": catalog,
                "plans": self.plans,
                "hides_suggestions": not disclosure.suggestions,
            },
        )

    def answer_only(self, texts: Iterable[str]) -> None:
        """Refuse all documents but these from now on."""
        self._only = frozenset(texts)

    def answers(self, text: str) -> bool:
        """Tell whether a document is not refused for being none of those."""
        return self._only is None or text in self._only

    def is_valid(self, text: str) -> bool:
        """Tell whether a text is a document of this schema."""
        try:
            return not self.texts.find(text).errors
        except GraphQLError:
            return False

    def names(self, text: str) -> list[str]:
        """Return the names of a document's operations; of an invalid one none."""
        if not self.is_valid(text):
            return []
        definitions = self.texts.find(text).document.definitions
        return [name_of(each) for each in definitions if isinstance(each, OperationDefinitionNode)]

    async def plan_ahead(self, text: str, context: Context) -> None:
        """Plan the queries of a document as they are likely to be asked; nothing is read.

        Raises:
            GraphQLError: the first thing that is wrong with the document, or that nobody could ask
                for, as it costs too much whatever the variables are.
        """
        prepared = self.texts.find(text)
        if prepared.errors:
            raise prepared.errors[0]
        context = replace(context, reader=NoReader())
        prefixes = list(self._catalog.by_prefix)
        scalars = {"EventCursor": self._cursors.write(context.caller.namespace_id, 0, 0)}
        for operation in prepared.document.definitions:
            if not isinstance(operation, OperationDefinitionNode):
                continue
            name = operation.name.value if operation.name else None
            _check_price(prepared.price(name), name)
            if operation.operation is OperationType.QUERY:
                for variables in sample_variables(self._schema, operation, prefixes, scalars):
                    await self.execute(text, variables, context, operation_name=name)

    async def answer(
        self, text: str, variables: dict[str, Any], name: str | None, context: Context
    ) -> bytes | Outcome | None:
        """Return the finished answer of what has a short road and is planned, None for the rest.

        To be called in the block of an operation of ``clock``, together with what may follow: an
        ``Outcome`` is that of a mutation which was made; execute it with that as root value.
        """
        if not self.answers(text):
            return None
        try:
            prepared = self.texts.find(text)
        except GraphQLError:
            return None
        operation = prepared.operation(name)
        if operation is None or prepared.excess(name, variables):
            return None
        cost = partial(prepared.price(name).under, variables)
        notes.of_operation(operation.name, operation.kind, cost)
        answer = await operation.run(variables, context, self.plans)
        if context.reports_cost and isinstance(answer, bytes):
            extensions = orjson.dumps(_cost_of(prepared, name, variables))
            return answer[:-1] + b',"extensions":' + extensions + b"}"
        return answer

    def type_of(self, text: str, name: str | None) -> OperationType | None:
        """Return the type of the operation that a request asks for; None if it cannot be told."""
        try:
            return self.texts.find(text).type_of(name)
        except (GraphQLError, BadUserInput):
            return None

    def subscribe_by(
        self, text: str, variables: dict[str, Any], name: str | None, context: Context
    ) -> PlanExecutor | list[GraphQLError]:
        """Return what executes a subscription event by event, or why nothing does."""
        errors: list[GraphQLError]
        try:
            errors = self._problems(text, variables, name)
        except GraphQLError as error:
            errors = [error]
        if errors:
            self.tell_errors(errors)
            return errors
        executor = self.execution_context_class.build(
            self._schema,
            self.texts.find(text).document,
            context_value=context,
            raw_variable_values=variables,
            operation_name=name,
        )
        if isinstance(executor, PlanExecutor):
            return executor
        errors = executor if isinstance(executor, list) else []
        tell(errors, is_request_error=False)  # of variables, which queries call no request error
        return errors

    def _problems(
        self, text: str, variables: dict[str, Any], name: str | None
    ) -> list[GraphQLError]:
        """Return what keeps a document's operation from being followed.

        Raises:
            GraphQLError: the text is no GraphQL, or too long to tell.
        """
        if not self.answers(text):
            return [told(NotTrusted())]
        prepared = self.texts.find(text)
        if prepared.errors:
            return list(prepared.errors)
        try:
            operation = prepared.definition(name)
            if operation.operation is not OperationType.SUBSCRIPTION:
                raise BadUserInput(f"a {operation.operation.value} cannot be followed")
        except BadUserInput as failure:
            return [told(failure)]
        _note(prepared, operation, name, variables)
        beyond = prepared.excess(name, variables)
        return [beyond] if beyond else []

    def note_subscription(self, text: str, variables: dict[str, Any], name: str | None) -> None:
        """Take note of a subscription that was found to be right before."""
        prepared = self.texts.find(text)
        _note(prepared, prepared.definition(name), name, variables)

    def tell_errors(self, errors: list[GraphQLError]) -> None:
        """Give each error of a subscription its code, in place; hide the text of faults of ours."""
        tell(errors, is_request_error=True)

    def forget_plans(self) -> None:
        """Drop all plans that are kept; each is made anew when it is needed."""
        self.plans.clear()

    async def _prepare_operation_async(
        self,
        context: ExecutionContext,
        extensions_runner: SchemaExtensionsRunner,  # noqa: ARG002
    ) -> PreExecutionError | None:
        """Find what a request asks for; all transports come by here.

        Raises:
            MissingQueryError: it asks for nothing.
            InvalidOperationTypeError: its transport does not take operations of this type.
        """
        errors = self._prepare(context)
        if not errors:
            return None
        context.pre_execution_errors = errors
        return PreExecutionError(data=None, errors=errors)

    def _prepare(self, context: ExecutionContext) -> list[GraphQLError]:
        if not context.query:
            raise MissingQueryError
        if not self.answers(context.query):
            return [told(NotTrusted())]
        try:
            prepared = self.texts.find(context.query)
        except GraphQLError as error:
            return [error]
        name, variables = context._provided_operation_name, context.variables or {}
        try:
            operation = prepared.definition(name)
        except BadUserInput as failure:
            return list(prepared.errors) or [told(failure)]
        operation_type = RequestedType(operation.operation.value)
        if operation_type not in context.allowed_operations:
            raise InvalidOperationTypeError(operation_type)
        context.graphql_document = prepared.document
        if prepared.errors:
            return list(prepared.errors)
        _note(prepared, operation, name, variables)
        beyond = prepared.excess(name, variables)
        return [beyond] if beyond else []

    async def _handle_execution_result(
        self, context: ExecutionContext, *args: Any, **kwargs: Any
    ) -> Any:
        """Complete an answer of any transport: with its cost, if that is asked for."""
        result = await super()._handle_execution_result(context, *args, **kwargs)
        asked: Context | None = context.context
        if asked is not None and asked.reports_cost and context.graphql_document is not None:
            prepared = self.texts.find(context.query or "")
            if not prepared.errors:
                name, variables = context._provided_operation_name, context.variables or {}
                result.extensions = _cost_of(prepared, name, variables)
        return result

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Tell the errors of an answer."""
        is_request_error = execution_context is not None and execution_context.result is None
        tell(errors, is_request_error=is_request_error)


def _note(
    prepared: Prepared,
    operation: OperationDefinitionNode,
    name: str | None,
    variables: dict[str, Any],
) -> None:
    cost = partial(prepared.price(name).under, variables)
    notes.of_operation(name_of(operation), operation.operation.value, cost)


def _cost_of(prepared: Prepared, name: str | None, variables: dict[str, Any]) -> dict[str, Any]:
    """Return the extensions of an answer that says what it costs."""
    price = prepared.price(name)
    return {"cost": {"requested": price.under(variables), "limit": price.maximum}}


def _check_price(price: Price, name: str | None) -> None:
    """Tell of a trusted operation that costs too much for some variables.

    Raises:
        GraphQLError: It does for all.
    """
    if not price.may_exceed:
        return
    beyond = price.excess({})
    if beyond and price.least > price.maximum:
        raise beyond
    logger.warning(
        "the trusted operation %s may read up to %d rows, as its variables say; requests that would"
        " read more than %d are refused",
        name or "without a name",
        price.most,
        price.maximum,
    )


def make_schema(
    limits: QueryLimits = DEFAULTS,
    cursors: EventCursors | None = None,
    disclosure: Disclosure = DEFAULT_DISCLOSURE,
    *,
    operation_s: float = OPERATION_S,
) -> GatewaySchema:
    """Return the schema, which refuses documents beyond ``limits``, and reads ``cursors``."""
    cursors = cursors or EventCursors()
    return GatewaySchema(
        limits=limits,
        cursors=cursors,
        disclosure=disclosure,
        operation_s=operation_s,
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[FieldError, ConflictError],
        config=StrawberryConfig(scalar_map={**SCALARS, EventCursor: event_cursor(cursors)}),
    )

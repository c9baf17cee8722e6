"""Makes messages of events: each once for all who follow the same, as executing alone would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import isawaitable
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_enum_type,
    is_leaf_type,
    is_specified_scalar_type,
)
from graphql.execution.collect_fields import FieldDetailsList, collect_fields

from gateway.errors import BadUserInput
from gateway.planner import raw
from gateway.planner.catalog import STRAWBERRY
from gateway.planner.executor import PlanExecutor, read_rows
from gateway.planner.plan import ReadPlan
from gateway.planner.rows import Rows
from gateway.planner.selection import TYPENAME, ArgumentSite

EVENT = "StatusEvent"
NODE = "node"

ValueOf = Callable[[Any], Any]
TellErrors = Callable[[list[GraphQLError]], None]


class Root(NamedTuple):
    """The one root field of a subscription operation.

    Args:
        key: Its name in the answer.
        arguments: To be read with the variables of each who asks.
    """

    key: str
    name: str
    details: FieldDetailsList
    arguments: ArgumentSite

    @classmethod
    def of(cls, executor: PlanExecutor) -> Root:
        """Return the root field that an executor would execute.

        Which field it is depends on no variables: directives may not leave it out.

        Raises:
            GraphQLError: an argument that is written in the document cannot be read.
        """
        kind = _root_type(executor)
        fields = collect_fields(
            executor.schema, executor.fragments, executor.variable_values, kind, executor.operation
        ).grouped_field_set
        ((key, details),) = fields.items()
        node = details[0].node
        arguments = ArgumentSite(kind.fields[node.name.value], node)
        return cls(key, node.name.value, details, arguments)


class Encoder:
    """The messages of one operation with its variables.

    Args:
        tell_errors: Gives errors their codes, in place.
    """

    def __init__(self, executor: PlanExecutor, root: Root, tell_errors: TellErrors) -> None:
        self._executor = executor
        self._root = root
        self._tell_errors = tell_errors
        kind = _root_type(executor)
        self._type = get_named_type(kind.fields[root.name].type)
        # Of each type that a message may be of, what takes its fields from one, by their keys.
        self._fields: dict[str, dict[str, ValueOf]] = {}
        # Of the fields of events that are read, how they are.
        self._plans: dict[str, ReadPlan] = {}
        for each in self._objects():
            fields = executor.collect_subfields(each, root.details).grouped_field_set
            self._fields[each.name] = {
                key: self._value_of(each, key, details) for key, details in fields.items()
            }

    @property
    def reads(self) -> bool:
        """Whether messages need more than their events."""
        return bool(self._plans)

    @property
    def is_personal(self) -> bool:
        """Whether messages depend on who the caller is, besides namespace and permissions."""
        return any(each.is_personal for each in self._plans.values())

    def of_word(self, word: Any) -> bytes:
        """Return the message of a checkpoint or a reset."""
        return self._json(_taken(word, self._fields[type(word).__name__]))

    def of_event(self, event: Any) -> bytes:
        """Return the message of an event; only where nothing is read for it."""
        return self._json(_taken(event, self._fields[EVENT]))

    async def of_events(self, events: Sequence[Any]) -> list[bytes]:
        """Return the messages of events; what they need is read by one statement for each field.

        Raises:
            Unavailable: PostgreSQL gives no answer.
        """
        messages = [_taken(each, self._fields[EVENT]) for each in events]
        ids = Rows.listed([each.node_id for each in events])
        executor = self._executor
        for key, plan in self._plans.items():
            try:
                answer, failures = await read_rows(
                    plan, executor.variable_values, ids, executor.context_value
                )
            except BadUserInput:  # of an argument; it is told in each message
                return [await self.of_event_alone(each) for each in events]
            if failures:
                return [await self.of_event_alone(each) for each in events]
            for message, value in zip(messages, orjson.loads(answer or b"[]"), strict=True):
                message[key] = value
        return [self._json(each) for each in messages]

    async def of_event_alone(self, event: Any) -> bytes:
        """Return the message of an event as graphql-core executes it."""
        result: Any = self._executor.build_per_event_executor(event).execute_operation()
        if isawaitable(result):
            result = await result
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            self._tell_errors(result.errors)
            answer["errors"] = [each.formatted for each in result.errors]
        return raw.encode(answer)

    def _json(self, value: dict[str, Any]) -> bytes:
        return orjson.dumps({"data": {self._root.key: value}})

    def _objects(self) -> Sequence[GraphQLObjectType]:
        kind: Any = self._type
        return self._executor.schema.get_possible_types(kind) if is_abstract_type(kind) else [kind]

    def _value_of(self, parent: GraphQLObjectType, key: str, details: FieldDetailsList) -> ValueOf:
        name = details[0].node.name.value
        if name == TYPENAME:
            return lambda _: parent.name
        field = parent.fields[name]
        if (parent.name, name) == (EVENT, NODE):
            self._plans[key] = self._executor.plan_of_listed(parent, key, details)
            return _not_read_yet
        leaf: Any = get_nullable_type(field.type)
        if not is_leaf_type(leaf):
            raise TypeError(f"{parent.name}.{name} is neither a leaf nor read; no message has it")
        get: ValueOf = attrgetter(field.extensions[STRAWBERRY].python_name)
        if is_specified_scalar_type(leaf) or is_enum_type(leaf):
            return get  # as the log has them

        def written(source: Any) -> Any:
            value = get(source)
            return None if value is None else leaf.coerce_output_value(value)

        return written


def _root_type(executor: PlanExecutor) -> GraphQLObjectType:
    kind = executor.schema.subscription_type
    if kind is None:
        raise TypeError("this schema has no subscriptions")
    return kind


def _taken(source: Any, fields: Mapping[str, ValueOf]) -> dict[str, Any]:
    return {key: value_of(source) for key, value_of in fields.items()}


def _not_read_yet(_: Any) -> None:
    return None


def anonymous(context: Any) -> Any:
    """Return a context without what belongs to one request only."""
    return replace(context, idempotency_key=None, attempt=None)

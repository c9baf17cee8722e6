"""The short road: a query whose root fields are all read, and planned already, from text to bytes.

What graphql-core and Strawberry do between a query and its plans takes more time than the plans
themselves. All of it is either the same for each execution of a document, and done once, or done
here: variables, arguments, the root resolvers. Whatever does not fit, and every failure, goes the
long road, which answers it with all that GraphQL asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.values import VariableValues

from gateway.observing.notes import ANONYMOUS
from gateway.planner.executor import plan_key, read_rows
from gateway.planner.long_road import LongRoad
from gateway.planner.places import Place, place_of
from gateway.planner.plan import PlanCache, ReadPlan
from gateway.planner.resolving import resolver_of
from gateway.planner.rows import Rows
from gateway.planner.selection import variables_shape
from gateway.planner.variables import VariableReader


class _Root(NamedTuple):
    """A root field: the start of its entry in the answer, its place, what asks for its rows."""

    start: bytes
    place: Place
    is_nullable: bool
    resolve: Callable[[VariableValues, Any], Any]

    @classmethod
    def of(cls, field: GraphQLField, node: FieldNode) -> _Root:
        key = node.alias.value if node.alias else node.name.value
        is_nullable = not isinstance(field.type, GraphQLNonNull)
        return cls(f'"{key}":'.encode(), place_of([node]), is_nullable, resolver_of(field, node))


def name_of(definition: OperationDefinitionNode) -> str:
    """Return by what logs, metrics and traces call an operation."""
    return definition.name.value if definition.name else ANONYMOUS


class Operation:
    """A query with root fields that the engine reads."""

    kind = "query"

    def __init__(self, name: str, variables: VariableReader, roots: Sequence[_Root]) -> None:
        self.name = name
        self._variables = variables
        self._roots = roots

    @classmethod
    def of(cls, schema: GraphQLSchema, definition: OperationDefinitionNode) -> Operation | None:
        """Return the operation that is defined; None if it has to take the long road."""
        query = schema.query_type
        if definition.operation is not OperationType.QUERY or not query:
            return None
        roots: list[_Root] = []
        for node in definition.selection_set.selections:
            if not isinstance(node, FieldNode) or node.directives:
                return None
            field = query.fields.get(node.name.value)
            if field is None:
                return None
            roots.append(_Root.of(field, node))
        if len({root.start for root in roots}) < len(roots):
            return None  # a field that is asked for twice is merged
        return cls(name_of(definition), VariableReader(schema, definition), roots)

    async def run(self, variables: dict[str, Any], context: Any, plans: PlanCache) -> bytes | None:
        """Return the whole answer; None if it has to be found on the long road."""
        values = self._variables.read(variables)
        if values is None:
            return None
        shape = variables_shape(values)
        try:
            planned = [_planned(root, values, shape, context, plans) for root in self._roots]
            if len(planned) == 1:
                answers = [await _read(planned[0], values, context)]
            else:
                answers = await asyncio.gather(*[_read(each, values, context) for each in planned])
        except Exception:  # whatever it is, the long road meets it again, and tells of it
            return None
        text = [b'{"data":{']
        for root, answer in zip(self._roots, answers, strict=True):
            text += (root.start, answer, b",")
        text[-1] = b"}}"
        return b"".join(text)  # copied once: it may be large


class _Planned(NamedTuple):
    """What a root field reads: nothing at all where there is no plan."""

    plan: ReadPlan | None
    rows: Rows
    is_nullable: bool


def _planned(
    root: _Root, values: VariableValues, shape: Hashable, context: Any, plans: PlanCache
) -> _Planned:
    rows = root.resolve(values, context)
    if rows is None and root.is_nullable:
        return _Planned(None, Rows(), root.is_nullable)
    if type(rows) is not Rows:
        raise LongRoad
    plan = plans.find(plan_key(root.place, shape, rows))
    if plan is None:
        raise LongRoad
    return _Planned(plan, rows, root.is_nullable)


async def _read(planned: _Planned, values: VariableValues, context: Any) -> bytes:
    answer: bytes | None = None
    if planned.plan is not None:
        answer, failures = await read_rows(planned.plan, values, planned.rows, context)
        if failures:
            raise LongRoad
    if answer is None and not planned.is_nullable:
        raise LongRoad
    return b"null" if answer is None else answer

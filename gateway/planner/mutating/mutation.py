"""A mutation on the short road: one field that changes something, from its text to bytes.

As for queries, what graphql-core and Strawberry do around a resolver is done once for a document,
or here. A mutation must not run twice, so once its resolver has begun this road answers, whatever
happens: with bytes, or with an ``Outcome`` for the long road to tell of.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_nullable_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from gateway.caller import Caller
from gateway.planner.along import Reading
from gateway.planner.built import Inputs
from gateway.planner.catalog import STRAWBERRY
from gateway.planner.input_values import Converter, Unconvertible
from gateway.planner.long_road import LongRoad
from gateway.planner.mutating import writing
from gateway.planner.mutating.calling import call_of
from gateway.planner.mutating.selected import Items, Part, asked_once, parts_of, start_of
from gateway.planner.operation import name_of
from gateway.planner.outcome import Outcome
from gateway.planner.places import bare, operation_of
from gateway.planner.plan import PlanCache
from gateway.planner.rows import Rows
from gateway.planner.selection import Arguments
from gateway.planner.variables import VariableReader


class MutationOperation:
    """A mutation of one field.

    Args:
        start: Of the answer, up to the payload's fields.
        parts: The payload's fields; bytes are an entry that is always the same.
    """

    kind = "mutation"

    def __init__(
        self,
        schema: GraphQLSchema,
        definition: OperationDefinitionNode,
        *,
        start: bytes,
        field: GraphQLField,
        node: FieldNode,
        parts: list[Part | Items | bytes],
    ) -> None:
        self.name = name_of(definition)
        self._variables = VariableReader(schema, definition)
        self._start = start
        self._field = field
        self._node = bare(node)
        self._parts = parts
        self._asked_once = asked_once(parts)
        self._converter = Converter(field)
        self._call = call_of(field.extensions.get(STRAWBERRY), operation_of(node, definition), node)

    @classmethod
    def of(
        cls, schema: GraphQLSchema, document: DocumentNode, definition: OperationDefinitionNode
    ) -> MutationOperation | None:
        """Return the mutation that is defined; None if it has to take the long road."""
        mutation = schema.mutation_type
        nodes = definition.selection_set.selections
        if definition.operation is not OperationType.MUTATION or not mutation or len(nodes) != 1:
            return None
        node = nodes[0]
        if not isinstance(node, FieldNode) or node.directives or not node.selection_set:
            return None
        field = mutation.fields.get(node.name.value)
        payload = get_nullable_type(field.type) if field else None
        if field is None or not isinstance(payload, GraphQLObjectType):
            return None
        try:
            return cls(
                schema,
                definition,
                start=b'{"data":{' + start_of(node) + b"{",
                field=field,
                node=node,
                parts=parts_of(payload, node, document),
            )
        except (LongRoad, Unconvertible):
            return None

    async def run(
        self, variables: dict[str, Any], context: Any, plans: PlanCache
    ) -> bytes | Outcome | None:
        """Return the whole answer.

        None if the mutation has to be made on the long road, an ``Outcome`` if it was made and only
        its answer has to be found there.
        """
        values = self._variables.read(variables)
        if values is None:
            return None
        try:
            coerced = get_argument_values(self._field, self._node, values)
        except GraphQLError:
            return None
        arguments = self._converter.convert(coerced)
        try:
            find_reading = partial(self._find_reading, values, context.caller, plans)
            payload = await self._call(context, arguments, find_reading)
        except Exception as error:  # from here on nothing may lead to a second run
            return Outcome(error=error)
        try:
            entries = await writing.write(self._parts, payload, values, context, plans)
        except Exception:  # whatever it is, the long road meets it again, and tells of it
            return Outcome(payload)
        return self._start + entries + b"}}}"

    def _find_reading(
        self, values: VariableValues, caller: Caller, plans: PlanCache, name: str, rows: Rows
    ) -> Reading | None:
        part = self._asked_once.get(name)
        plan = None if part is None else writing.plan_of(part, rows, values, plans)
        if plan is None or plan.parts is None:
            return None
        inputs = Inputs(Arguments(plan.sites, values), rows, caller)
        return Reading(plan.sql, plan.parameters(inputs), plan.parts)

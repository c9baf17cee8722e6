"""The hook: where a resolver returned ``Rows``, the answer is read instead of completed."""

from __future__ import annotations

from collections.abc import Awaitable, Hashable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from graphql.type import GraphQLNonNull
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.errors import BadUserInput
from gateway.observing import notes
from gateway.planner.along import parts_of
from gateway.planner.built import Inputs
from gateway.planner.catalog import Catalog, PlannedFieldOf
from gateway.planner.gathered import Gathered
from gateway.planner.places import Place, place_of
from gateway.planner.plan import PlanCache, ReadPlan, finish
from gateway.planner.raw import Raw
from gateway.planner.rows import Rows
from gateway.planner.selection import Arguments, Selector, variables_shape
from gateway.planner.sources import AnyNode
from gateway.planner.splice import Failure, splice
from gateway.planner.statement import StatementBuilder
from gateway.planner.used_variables import used_shape, used_variables


class _Place(NamedTuple):
    """What of graphql-core's info a plan depends on."""

    parent_type: GraphQLObjectType
    field_name: str


class PlanExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, with planned fields read by one statement each.

    ``catalog``, ``plans`` and ``hides_suggestions`` belong to a schema, which binds them.
    """

    catalog: Catalog
    plans: PlanCache
    hides_suggestions: bool

    @classmethod
    def build(cls, *args: Any, **kwargs: Any) -> Any:
        """Return the executor of an operation, or what is wrong with its variables."""
        return super().build(*args, **kwargs | {"hide_suggestions": cls.hides_suggestions})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gathered: dict[Hashable, Gathered] = {}

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: Any,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Read ``Rows``; complete anything else as graphql-core does."""
        if type(result) is Rows:
            read = self._read_in_list if _is_in_list(path, result) else self._read
            return read(return_type, field_details_list, info, path, result)
        return super().complete_value(
            return_type, field_details_list, info, path, result, position_context
        )

    async def _read(
        self,
        return_type: GraphQLOutputType,
        details: FieldDetailsList,
        info: Any,
        path: Path,
        rows: Rows,
    ) -> Raw | None:
        plan = self._plan(return_type, details, info, path, rows)
        answer, failures = await read_rows(plan, self.variable_values, rows, self.context_value)
        return self._answer(return_type, details, info, path, rows, answer, failures)

    def _read_in_list(
        self,
        return_type: GraphQLOutputType,
        details: FieldDetailsList,
        info: Any,
        path: Path,
        rows: Rows,
    ) -> Awaitable[Raw | None]:
        """Read rows together with those that the field's siblings in a list ask for."""

        async def read(all_rows: Rows) -> tuple[bytes | None, list[Failure]]:
            plan = self._plan(return_type, details, info, path, all_rows)
            return await read_rows(plan, self.variable_values, all_rows, self.context_value)

        key = (tuple(id(each.node) for each in details), info.parent_type, rows.namespace_id)
        gathered = self._gathered.get(key)
        if gathered is None or not gathered.is_open:
            gathered = self._gathered[key] = Gathered(read, rows.namespace_id)
        place = gathered.ask(rows)

        async def answer() -> Raw | None:
            part = await gathered.part(rows, place)
            return self._answer(return_type, details, info, path, rows, *part)

        return answer()

    def _answer(
        self,
        return_type: GraphQLOutputType,
        details: FieldDetailsList,
        info: Any,
        path: Path,
        rows: Rows,
        answer: bytes | None,
        failures: Sequence[Failure],
    ) -> Raw | None:
        if answer is None and isinstance(return_type, GraphQLNonNull):
            raise BadUserInput(f"{info.field_name}: nothing has this id")
        prefix = path.as_list()
        for failure in failures:
            error = GraphQLError(
                str(failure.error),
                [each.node for each in details],
                path=[*prefix, *failure.path],
                original_error=failure.error,
            )
            self.collected_errors.add(error, path)
        if answer is not None and rows.ids is not None and is_dense(return_type):
            answer = without_gaps(answer)
        return None if answer is None else Raw(answer)

    def _plan(
        self,
        return_type: GraphQLOutputType,
        details: FieldDetailsList,
        info: Any,
        path: Path,
        rows: Rows,
    ) -> ReadPlan:
        nodes = [each.node for each in details]
        key = plan_key(place_of(nodes), self._shape(nodes), rows)
        plan = self.plans.find(key)
        if plan is None:
            notes.made("plan")
            selector = Selector(self)
            selected = selector.select(info.parent_type, str(path.key), details)
            parent = self.catalog.types.get(info.parent_type.name)
            field: PlannedFieldOf | None = parent.fields.get(info.field_name) if parent else None
            types = self._types(return_type, field)
            builder = StatementBuilder(self.catalog)
            query, shape = builder.root(selected, field, types, rows)
            is_one = rows.ids is None and rows.columns.keys() == {"id"} and len(types) == 1
            plan = finish(
                query,
                builder.getters,
                shape,
                sites=selector.sites,
                parts=parts_of(self.catalog, types[0], selected) if is_one else None,
            )
            self.plans.keep(key, plan)
        return plan

    def _types(self, return_type: GraphQLOutputType, field: PlannedFieldOf | None) -> Sequence[str]:
        if field is not None and isinstance(field.source, AnyNode):
            return field.source.types
        named = get_named_type(return_type)
        if is_abstract_type(named):
            return [each.name for each in self.schema.get_possible_types(named)]
        return [named.name]

    def plan_of_listed(
        self, parent: GraphQLObjectType, key: str, details: FieldDetailsList
    ) -> ReadPlan:
        """Return how a field of several objects is read for all of them, by one id of each."""
        name = details[0].node.name.value
        place = _Place(parent, name)
        return self._plan(
            parent.fields[name].type, details, place, Path(None, key, None), Rows.listed(())
        )

    def _shape(self, nodes: Sequence[FieldNode]) -> Hashable:
        if self.operation.operation is not OperationType.MUTATION:
            return variables_shape(self.variable_values)
        fragments = {name: each.definition for name, each in self.fragments.items()}
        return used_shape(self.variable_values, used_variables(nodes, fragments))


def _is_in_list(path: Path | None, rows: Rows) -> bool:
    """Tell whether siblings in a list may ask for rows in the same field, by their ids too."""
    if rows.wanted_ids is None:
        return False
    while path is not None and not isinstance(path.key, int):
        path = path.prev
    return path is not None


def is_dense(return_type: GraphQLOutputType) -> bool:
    """Tell whether it is a list without nulls."""
    nullable = get_nullable_type(return_type)
    return isinstance(nullable, GraphQLList) and isinstance(nullable.of_type, GraphQLNonNull)


def without_gaps(answer: bytes) -> bytes:
    """Leave out of a list the rows that are gone."""
    if b"null" not in answer:
        return answer
    items = orjson.loads(answer)
    there = [each for each in items if each is not None]
    return answer if len(there) == len(items) else orjson.dumps(there)


def plan_key(place: Place, variables: Hashable, rows: Rows) -> Hashable:
    """Return what a plan is filed under: the place of its field, and what shapes its text."""
    return (place, variables, rows.shape)


async def read_rows(
    plan: ReadPlan, variables: VariableValues, rows: Rows, context: Any
) -> tuple[bytes | None, list[Failure]]:
    """Run a plan; return the JSON, None where there is no such row, and what could not be computed.

    Raises:
        BadUserInput: an argument that is wrong.
        Unavailable: PostgreSQL gives no answer.
    """
    arguments = Arguments(plan.sites, variables)
    caller = context.caller
    if rows.namespace_id is not None:
        caller = replace(caller, namespace_id=rows.namespace_id)
    parameters = plan.parameters(Inputs(arguments, rows, caller))
    answer = b"[]" if rows.ids == () else await context.reader.read(plan.sql, parameters)
    if answer is None or plan.shape is None:
        return answer, []
    value = orjson.loads(answer)
    failures = await splice(value, plan.shape, arguments, context)
    return orjson.dumps(value), failures

"""The short road of mutations: one field that changes something, from its text to bytes.

As for queries, what graphql-core and Strawberry do around a resolver is done once for a document,
or here. A mutation must not run twice, so once its resolver has begun this road answers, whatever
happens: with bytes, or with an ``Outcome`` for the long road to tell of.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from graphql.pyutils import Path
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from gateway.caller import Caller
from gateway.planner.along import FindReading, Reading
from gateway.planner.built import Inputs
from gateway.planner.catalog import STRAWBERRY
from gateway.planner.executor import is_dense, plan_key, read_rows, without_gaps
from gateway.planner.input_values import Converter, Unconvertible
from gateway.planner.operation import name_of
from gateway.planner.outcome import Outcome
from gateway.planner.places import Place, bare, operation_of, place_of
from gateway.planner.plan import PlanCache, ReadPlan
from gateway.planner.rows import Rows
from gateway.planner.selection import TYPENAME, Arguments
from gateway.planner.used_variables import used_shape, used_variables
from gateway.planner.variables import VariableReader


class _LongRoad(Exception):
    """This has to be answered on the long road."""


class _Info(NamedTuple):
    """What of Strawberry's info a mutation and its extension may ask for."""

    context: Any
    return_type: Any
    field_name: str
    operation: OperationDefinitionNode
    path: Path
    find_reading: FindReading


class _Part(NamedTuple):
    """A field of the payload.

    Args:
        start: Of its entry in the answer.
        name: Of the payload's attribute.
        variables: Those that its plan depends on.
        leaf: Its type, if it is a scalar or an enum.
        is_dense: Whether it is a list without nulls.
    """

    start: bytes
    name: str
    place: Place
    variables: frozenset[str]
    leaf: GraphQLLeafType | None
    is_list: bool
    is_dense: bool
    is_nullable: bool


class _Items(NamedTuple):
    """A field of the payload that is a list of payloads.

    Args:
        start: Of its entry in the answer.
        name: Of the payload's attribute.
        parts: Of each of them; bytes are an entry that is always the same.
    """

    start: bytes
    name: str
    parts: list[_Part | bytes]


class _Planned(NamedTuple):
    """A field of the payload that is read, and how."""

    part: _Part
    plan: ReadPlan
    rows: Rows


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
        parts: list[_Part | _Items | bytes],
    ) -> None:
        self.name = name_of(definition)
        self._variables = VariableReader(schema, definition)
        self._start = start
        self._field = field
        self._node = bare(node)
        self._parts = parts
        self._asked_once = _asked_once(parts)
        self._converter = Converter(field)
        self._call = _call_of(
            field.extensions.get(STRAWBERRY), operation_of(node, definition), node
        )

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
                start=b'{"data":{' + _start(node) + b"{",
                field=field,
                node=node,
                parts=_parts(payload, node, document),
            )
        except (_LongRoad, Unconvertible):
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
            return await self._write(payload, values, context, plans)
        except Exception:  # whatever it is, the long road meets it again, and tells of it
            return Outcome(payload)

    def _find_reading(
        self, values: VariableValues, caller: Caller, plans: PlanCache, name: str, rows: Rows
    ) -> Reading | None:
        part = self._asked_once.get(name)
        plan = None if part is None else _plan_of(part, rows, values, plans)
        if plan is None or plan.parts is None:
            return None
        inputs = Inputs(Arguments(plan.sites, values), rows, caller)
        return Reading(plan.sql, plan.parameters(inputs), plan.parts)

    async def _write(
        self, payload: Any, values: VariableValues, context: Any, plans: PlanCache
    ) -> bytes:
        entries: list[bytes | _Planned] = []
        for part in self._parts:
            if isinstance(part, _Items):
                entries.append(
                    await _items(part, getattr(payload, part.name), values, context, plans)
                )
            else:
                entries.append(
                    part if isinstance(part, bytes) else _entry(part, payload, values, plans)
                )
        planned = [each for each in entries if isinstance(each, _Planned)]
        if len(planned) > 1:
            answers = await asyncio.gather(*[_read(each, values, context) for each in planned])
        else:
            answers = [await _read(each, values, context) for each in planned]
        answer_of = iter(answers)
        written = [each if isinstance(each, bytes) else next(answer_of) for each in entries]
        return self._start + b",".join(written) + b"}}}"


def _start(node: FieldNode) -> bytes:
    return f'"{(node.alias or node.name).value}":'.encode()


def _parts(
    payload: GraphQLObjectType, node: FieldNode, document: DocumentNode
) -> list[_Part | _Items | bytes]:
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    parts: dict[bytes, _Part | _Items | bytes] = {}
    for each in node.selection_set.selections if node.selection_set else ():
        if not isinstance(each, FieldNode) or each.directives or _start(each) in parts:
            raise _LongRoad  # a field that is asked for twice is merged
        start = _start(each)
        below = _payload_of_items(payload, each)
        if below is None:
            parts[start] = _part(payload, each, fragments)
            continue
        inner = [part for part in _parts(below, each, document) if not isinstance(part, _Items)]
        name = payload.fields[each.name.value].extensions[STRAWBERRY].python_name
        parts[start] = _Items(start, name, inner)
    return list(parts.values())


def _payload_of_items(payload: GraphQLObjectType, node: FieldNode) -> GraphQLObjectType | None:
    """Return the type of the payloads that a field lists; None if it is another kind of field."""
    field = payload.fields.get(node.name.value)
    nullable = get_nullable_type(field.type) if field else None
    item = get_nullable_type(nullable.of_type) if isinstance(nullable, GraphQLList) else None
    if isinstance(item, GraphQLObjectType) and "errors" in item.fields:
        return item
    return None


def _part(
    payload: GraphQLObjectType, node: FieldNode, fragments: dict[str, FragmentDefinitionNode]
) -> _Part | bytes:
    start = _start(node)
    if node.name.value == TYPENAME:
        return start + orjson.dumps(payload.name)
    field = payload.fields[node.name.value]
    declared = field.extensions.get(STRAWBERRY)
    if not isinstance(declared, StrawberryField) or not declared.is_basic_field:
        raise _LongRoad
    nullable = get_nullable_type(field.type)
    return _Part(
        start,
        declared.python_name,
        place_of([node]),
        used_variables([node], fragments),
        nullable if is_leaf_type(nullable) else None,
        is_list_type(nullable),
        is_dense(field.type),
        not isinstance(field.type, GraphQLNonNull),
    )


def _asked_once(parts: Sequence[_Part | _Items | bytes]) -> dict[str, _Part]:
    """Return the payload's fields by their names; not those that have several entries."""
    own = [each for each in parts if isinstance(each, _Part)]
    times = Counter(each.name for each in own)
    return {each.name: each for each in own if times[each.name] == 1}


def _call_of(
    declared: Any, operation: OperationDefinitionNode, node: FieldNode
) -> Callable[[Any, dict[str, Any], FindReading], Awaitable[Any]]:
    """Return what calls a mutation as Strawberry does, through its one extension."""
    resolver = declared.base_resolver if isinstance(declared, StrawberryField) else None
    if resolver is None or not resolver.is_async or len(declared.extensions) != 1:
        raise _LongRoad
    extension: FieldExtension = declared.extensions[0]
    return_type = declared.type
    name = node.name.value
    path = Path(None, (node.alias or node.name).value, None)
    function: Any = resolver.wrapped_func
    source = () if resolver.self_parameter is None else (None,)
    info_name = None if resolver.info_parameter is None else resolver.info_parameter.name

    async def resolve(_source: Any, info: _Info, **arguments: Any) -> Any:
        if info_name is not None:
            arguments[info_name] = info
        return await function(*source, **arguments)

    async def call(context: Any, arguments: dict[str, Any], find_reading: FindReading) -> Any:
        info: Any = _Info(context, return_type, name, operation, path, find_reading)
        return await extension.resolve_async(resolve, None, info, **arguments)

    return call


def _plan_of(part: _Part, rows: Rows, values: VariableValues, plans: PlanCache) -> ReadPlan | None:
    return plans.find(plan_key(part.place, used_shape(values, part.variables), rows))


def _entry(part: _Part, payload: Any, values: VariableValues, plans: PlanCache) -> bytes | _Planned:
    value = getattr(payload, part.name)
    if value is None and part.is_nullable:
        return part.start + b"null"
    if type(value) is Rows:
        if value.json is not None:
            return part.start + value.json
        plan = _plan_of(part, value, values, plans)
        if plan is None:
            raise _LongRoad  # which makes it, for the next time
        return _Planned(part, plan, value)
    if part.is_list and value == []:
        return part.start + b"[]"
    if part.leaf is None or value is None:
        raise _LongRoad  # errors, for the most part
    return part.start + orjson.dumps(part.leaf.coerce_output_value(value))


async def _items(
    part: _Items, payloads: list[Any], values: VariableValues, context: Any, plans: PlanCache
) -> bytes:
    """Write a list of payloads; what their fields read is read by one statement for each field."""
    columns = [_column(each, payloads, values, plans) for each in part.parts]
    planned = [each for each in columns if isinstance(each, _PlannedColumn)]
    answers = iter(await asyncio.gather(*[_read_column(each, values, context) for each in planned]))
    written = [next(answers) if isinstance(each, _PlannedColumn) else each for each in columns]
    entries = b"},{".join([b",".join(entry) for entry in zip(*written, strict=True)])
    return part.start + (b"[{" + entries + b"}]" if payloads else b"[]")


class _PlannedColumn(NamedTuple):
    """A field of several payloads that is read at once; of some there may be nothing to read."""

    part: _Part
    plan: ReadPlan
    all_rows: Rows
    entries: list[bytes | Rows]


def _column(
    part: _Part | bytes, payloads: list[Any], values: VariableValues, plans: PlanCache
) -> list[bytes] | _PlannedColumn:
    if isinstance(part, bytes):
        return [part] * len(payloads)
    entries: list[bytes] = []
    mixed: list[bytes | Rows] = []
    for payload in payloads:
        value = getattr(payload, part.name)
        if type(value) is Rows:
            mixed.append(value)
            continue
        entry = _entry(part, payload, values, plans)
        if not isinstance(entry, bytes):
            raise _LongRoad
        entries.append(entry)
        mixed.append(entry)
    if len(entries) == len(payloads):
        return entries
    asked = [each for each in mixed if isinstance(each, Rows)]
    all_rows = Rows.listed([id for rows in asked for id in rows.wanted_ids or ()])
    plan = _plan_of(part, all_rows, values, plans)
    if plan is None or any(rows.wanted_ids is None or rows.namespace_id for rows in asked):
        raise _LongRoad  # which makes the plan, for the next time
    return _PlannedColumn(part, plan, all_rows, mixed)


async def _read_column(column: _PlannedColumn, values: VariableValues, context: Any) -> list[bytes]:
    text, failures = await read_rows(column.plan, values, column.all_rows, context)
    if failures or text is None:
        raise _LongRoad
    read = iter(orjson.loads(text))
    start = column.part.start
    entries = []
    for each in column.entries:
        if isinstance(each, Rows):
            value = next(read) if each.ids is None else list(islice(read, len(each.ids)))
            if column.part.is_dense:
                value = [item for item in value if item is not None]
            if value is None and not column.part.is_nullable:
                raise _LongRoad
            entries.append(start + orjson.dumps(value))
        else:
            entries.append(each)
    return entries


async def _read(planned: _Planned, values: VariableValues, context: Any) -> bytes:
    part, plan, rows = planned
    answer, failures = await read_rows(plan, values, rows, context)
    if failures or (answer is None and not part.is_nullable):
        raise _LongRoad
    if answer is not None and part.is_dense:
        answer = without_gaps(answer)
    return part.start + (b"null" if answer is None else answer)

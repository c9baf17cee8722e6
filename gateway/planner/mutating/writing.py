"""A payload becomes bytes: each of its fields is read, by the plan that is kept, or written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import orjson
from graphql.execution.values import VariableValues

from gateway.planner.executor import plan_key, read_rows, without_gaps
from gateway.planner.long_road import LongRoad
from gateway.planner.mutating.selected import Items, Part
from gateway.planner.plan import PlanCache, ReadPlan
from gateway.planner.rows import Rows
from gateway.planner.used_variables import used_shape


class _Planned(NamedTuple):
    """A field of the payload that is read, and how."""

    part: Part
    plan: ReadPlan
    rows: Rows


class _PlannedColumn(NamedTuple):
    """A field of several payloads that is read at once; of some there may be nothing to read."""

    part: Part
    plan: ReadPlan
    all_rows: Rows
    entries: list[bytes | Rows]


async def write(
    parts: Sequence[Part | Items | bytes],
    payload: Any,
    values: VariableValues,
    context: Any,
    plans: PlanCache,
) -> bytes:
    """Return the entries of a payload.

    Raises:
        LongRoad: There is no plan yet, or something that is told of there.
    """
    entries: list[bytes | _Planned] = []
    for part in parts:
        if isinstance(part, Items):
            entries.append(await _items(part, getattr(payload, part.name), values, context, plans))
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
    return b",".join(written)


def plan_of(part: Part, rows: Rows, values: VariableValues, plans: PlanCache) -> ReadPlan | None:
    """Return how a field of a payload is read; None if nobody has read it yet."""
    return plans.find(plan_key(part.place, used_shape(values, part.variables), rows))


def _entry(part: Part, payload: Any, values: VariableValues, plans: PlanCache) -> bytes | _Planned:
    value = getattr(payload, part.name)
    if value is None and part.is_nullable:
        return part.start + b"null"
    if type(value) is Rows:
        if value.json is not None:
            return part.start + value.json
        plan = plan_of(part, value, values, plans)
        if plan is None:
            raise LongRoad  # which makes it, for the next time
        return _Planned(part, plan, value)
    if part.is_list and value == []:
        return part.start + b"[]"
    if part.leaf is None or value is None:
        raise LongRoad  # errors, for the most part
    return part.start + orjson.dumps(part.leaf.coerce_output_value(value))


async def _read(planned: _Planned, values: VariableValues, context: Any) -> bytes:
    part, plan, rows = planned
    answer, failures = await read_rows(plan, values, rows, context)
    if failures or (answer is None and not part.is_nullable):
        raise LongRoad
    if answer is not None and part.is_dense:
        answer = without_gaps(answer)
    return part.start + (b"null" if answer is None else answer)


async def _items(
    part: Items, payloads: list[Any], values: VariableValues, context: Any, plans: PlanCache
) -> bytes:
    """Write a list of payloads; what their fields read is read by one statement for each field."""
    columns = [_column(each, payloads, values, plans) for each in part.parts]
    planned = [each for each in columns if isinstance(each, _PlannedColumn)]
    answers = iter(await asyncio.gather(*[_read_column(each, values, context) for each in planned]))
    written = [next(answers) if isinstance(each, _PlannedColumn) else each for each in columns]
    entries = b"},{".join([b",".join(entry) for entry in zip(*written, strict=True)])
    return part.start + (b"[{" + entries + b"}]" if payloads else b"[]")


def _column(
    part: Part | bytes, payloads: list[Any], values: VariableValues, plans: PlanCache
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
            raise LongRoad
        entries.append(entry)
        mixed.append(entry)
    if len(entries) == len(payloads):
        return entries
    asked = [each for each in mixed if isinstance(each, Rows)]
    all_rows = Rows.listed([id for rows in asked for id in rows.wanted_ids or ()])
    plan = plan_of(part, all_rows, values, plans)
    if plan is None or any(rows.wanted_ids is None or rows.namespace_id for rows in asked):
        raise LongRoad  # which makes the plan, for the next time
    return _PlannedColumn(part, plan, all_rows, mixed)


async def _read_column(column: _PlannedColumn, values: VariableValues, context: Any) -> list[bytes]:
    text, failures = await read_rows(column.plan, values, column.all_rows, context)
    if failures or text is None:
        raise LongRoad
    read = iter(orjson.loads(text))
    start = column.part.start
    entries = []
    for each in column.entries:
        if isinstance(each, Rows):
            value = next(read) if each.ids is None else list(islice(read, len(each.ids)))
            if column.part.is_dense:
                value = [item for item in value if item is not None]
            if value is None and not column.part.is_nullable:
                raise LongRoad
            entries.append(start + orjson.dumps(value))
        else:
            entries.append(each)
    return entries

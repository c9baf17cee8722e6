"""Unions and interfaces: one row of one of several types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.planner import json_text
from gateway.planner.built import Builder, Built, object_shape, variant_shape
from gateway.planner.catalog import Catalog
from gateway.planner.selection import Selected
from gateway.planner.sources import Computed, Either
from gateway.planner.splice import ObjectShape
from gateway.planner.sql import Expression, Row, nested, quoted, select

# When a row is of a type, the type's name, and the id that the row has.
_Case = tuple[str, str, Expression]


def either(
    builder: Builder, catalog: Catalog, source: Either, selected: Selected, row: Row
) -> Built:
    """Return the entity of a union: that of the first column that is not null."""
    cases = [
        (f"{row[column]} IS NOT NULL", type_name, row[column])
        for column, type_name in source.targets.items()
    ]
    return _chosen(builder, cases, selected, tagged=is_computed(catalog, selected))


def variant(
    builder: Builder, catalog: Catalog, types: Sequence[str], selected: Selected, id_: Expression
) -> Built:
    """Return the entity that an id names, chosen among ``types`` by the id's prefix."""
    if len(types) == 1:
        query, built = _by_id(builder, types[0], selected, id_)
        return Built(json_text.of_row(query), built.shape)
    cases = []
    for type_name in types:
        prefix = quoted(builder.planned_type(type_name).planned.prefix or "")
        cases.append((f"split_part({id_}, '_', 1) = {prefix}", type_name, id_))
    return _chosen(builder, cases, selected, tagged=is_computed(catalog, selected))


def _chosen(builder: Builder, cases: Iterable[_Case], selected: Selected, *, tagged: bool) -> Built:
    branches = ""
    shapes: dict[str, ObjectShape] = {}
    for condition, type_name, id_ in cases:
        query, built = _by_id(builder, type_name, selected, id_, tagged=tagged)
        branches += f"\nWHEN {condition} THEN {nested(query)}"
        shapes[type_name] = object_shape(built.shape)
    json = json_text.or_null(f"CASE{branches}\nEND")
    return Built(json, variant_shape(shapes, tagged=tagged))


def _by_id(
    builder: Builder, type_name: str, selected: Selected, id_: Expression, *, tagged: bool = False
) -> tuple[str, Built]:
    row = builder.new_row(type_name)
    built = builder.object_json(type_name, selected, row, tagged=tagged)
    where = builder.scope(type_name, row), f"{row['id']} = {id_}"
    return select(built.json.sql, row.source, *where), built


def is_computed(catalog: Catalog, selected: Selected) -> bool:
    """Tell whether anything selected below is made in Python, so that its type must be told."""
    for type_name, fields in selected.fields.items():
        planned = catalog.types.get(type_name)
        for each in fields:
            field = planned.fields.get(each.name) if planned else None
            if field is not None and isinstance(field.source, Computed):
                return True
            if is_computed(catalog, each):
                return True
    return False

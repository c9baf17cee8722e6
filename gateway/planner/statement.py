"""Stages 2 and 3, from which tables and in which SQL: Selected -> one SELECT."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from sqlalchemy.types import TypeEngine

from gateway.database.base import IdText
from gateway.planner import json_text, sources, variants, walks
from gateway.planner.built import Built, Getter, list_shape
from gateway.planner.catalog import Catalog, PlannedFieldOf, PlannedType
from gateway.planner.connection import Connection
from gateway.planner.counting import kept_count
from gateway.planner.declared import CALLER_GETTERS, NAMESPACE, declared
from gateway.planner.json_text import Json
from gateway.planner.rows import Rows
from gateway.planner.selection import TYPENAME, Selected
from gateway.planner.splice import TYPE_KEY, Call, ObjectShape, Projection, Shape
from gateway.planner.sql import (
    INTEGER,
    TEXTS,
    Expression,
    Relation,
    Row,
    relation_of,
    select,
    type_name,
)
from gateway.planner.trail import trail


# singledispatchmethod would make a function for each call, in a tenth of the time of a plan.
@singledispatch
def _build_of(_builder: object, source: sources.Source, *_: Any) -> Built:
    raise NotImplementedError(f"no SQL for {type(source).__name__}")


class StatementBuilder:
    """Builds one statement; ``getters`` tell the value of each of its parameters, ``$1`` first."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._names = 0
        self.getters: list[Getter] = [*CALLER_GETTERS]

    # ---- the root of a field ------------------------------------------------------------------

    def root(
        self, selected: Selected, field: PlannedFieldOf | None, types: Sequence[str], rows: Rows
    ) -> tuple[str, Shape | None]:
        """Return the statement for a root field or a payload's field.

        Args:
            field: The field's own source, where it has one (a connection, a derived object).
            types: The object types that the field may return.
            rows: A sample of the rows that its resolver asks for.
        """
        if field is not None and isinstance(field.source, sources.Many | sources.Derived):
            built = self._build(field.source, selected, field, None)
            return f"SELECT {built.json.sql}", built.shape
        if rows.ids is not None:
            return self._listed_root(selected, types)
        if len(types) > 1:
            types = [
                each for each in types if self.planned_type(each).planned.prefix == rows.prefix
            ]
        if len(types) != 1:
            return "SELECT CAST(NULL AS text)", None
        return self._one_root(types[0], selected, rows)

    def _one_root(self, name: str, selected: Selected, rows: Rows) -> tuple[str, Shape | None]:
        row = self.new_row(name)
        built = self.object_json(name, selected, row)
        where: list[object] = [self.scope(name, row)]
        for column in rows.columns:
            wanted = row[column]
            where.append(f"{wanted} = {self.parameter(_row_value(column), wanted.kind)}")
        named = self.planned_type(name).planned.named
        if named is not None and "id" not in rows.columns:
            where.append(declared(named, row))
        return select(built.json.sql, row.source, *where), built.shape

    def _listed_root(self, selected: Selected, types: Sequence[str]) -> tuple[str, Shape | None]:
        ids = self.parameter(lambda inputs: list(inputs.rows.ids or ()), TEXTS)
        wanted = Row(self.new_name("wanted"), _WANTED)
        built = variants.variant(self, self._catalog, types, selected, wanted["id"])
        items = json_text.array_of(built.json, str(wanted["place"]))
        source = f"unnest({ids}) WITH ORDINALITY AS {wanted.name}(id, place)"
        return select(items.sql, source), list_shape(built.shape)

    # ---- objects ------------------------------------------------------------------------------

    def object_json(
        self, type_name: str, selected: Selected, row: Row, *, tagged: bool = False
    ) -> Built:
        """Return the JSON of one row as an object of a type; ``tagged`` makes it tell the type."""
        planned = self.planned_type(type_name)
        pairs: list[tuple[str, Json]] = []
        shape = ObjectShape()
        for each in selected.fields[type_name]:
            if each.name == TYPENAME:
                pairs.append((each.key, json_text.constant(type_name)))
                continue
            field = planned.fields[each.name]
            if isinstance(field.source, sources.Computed):
                projection = self._projection(each, field)
                call = Call(type_name, each.name, field.source, each.slot, projection)
                shape.calls[each.key] = call
                pairs.append((each.key, json_text.NULL))
                continue
            built = self._build(field.source, each, field, row)
            pairs.append((each.key, built.json))
            if built.shape:
                shape.children[each.key] = built.shape
        needs = {
            call.need_key(need): json_text.scalar(declared(expression, row))
            for call in shape.calls.values()
            for need, expression in call.source.needs.items()
        }
        pairs += needs.items()
        if tagged:
            pairs.append((TYPE_KEY, json_text.constant(type_name)))
        return Built(json_text.object_of(pairs), shape or None)

    def _projection(self, selected: Selected, field: PlannedFieldOf) -> Projection | None:
        """Return what is selected of a computed object; None for other values."""
        if not field.types:
            return None
        (type_name,) = field.types
        known = self.planned_type(type_name).fields
        fields: dict[str, tuple[str | None, Projection | None]] = {}
        for each in selected.fields[type_name]:
            if each.name == TYPENAME:
                fields[each.key] = (None, None)
                continue
            below = known[each.name]
            name = below.source.name if isinstance(below.source, sources.Column) else each.name
            fields[each.key] = (name, self._projection(each, below))
        return Projection(type_name, fields)

    def _build(
        self, source: sources.Source, selected: Selected, field: PlannedFieldOf, row: Row | None
    ) -> Built:
        return _build_of.dispatch(type(source))(self, source, selected, field, row)

    @_build_of.register(sources.Column)
    def _column(
        self, source: sources.Column, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        return Built(json_text.scalar(row[source.name]))

    @_build_of.register(sources.Sql)
    def _sql(
        self, source: sources.Sql, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        return Built(json_text.scalar(declared(source.build, row)))

    @_build_of.register(sources.Embedded)
    def _embedded(
        self, source: sources.Embedded, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        built = self.object_json(field.types[0], selected, row)
        if source.when is not None:
            found = declared(source.when, row)
            one = f"CASE WHEN {found} THEN\n{built.json.typed_sql}\nEND"
            return Built(json_text.or_null(one), built.shape)
        if not selected.is_list:
            return built
        return Built(json_text.list_of_one(built.json), list_shape(built.shape))

    # ---- one other row ------------------------------------------------------------------------

    @_build_of.register(sources.One)
    def _one(
        self, source: sources.One, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        name = field.types[0]
        other = self.new_row(name)
        found: object
        if source.on is not None:
            found = declared(source.on, other, row, for_caller=True)
        else:
            found = f"{other['id']} = {row[source.column or '']}"
        built = self.object_json(name, selected, other)
        query = select(built.json.sql, other.source, self.scope(name, other), found)
        return Built(json_text.of_row(query), built.shape)

    @_build_of.register(sources.Either)
    def _either(
        self, source: sources.Either, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        return variants.either(self, self._catalog, source, selected, row)

    @_build_of.register(sources.AnyNode)
    def _any_node(
        self, source: sources.AnyNode, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        return variants.variant(self, self._catalog, source.types, selected, row[source.column])

    # ---- plain lists --------------------------------------------------------------------------

    @_build_of.register(sources.Listed)
    def _listed(
        self, source: sources.Listed, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        name = field.types[0]
        other = self.new_row(name)
        built = self.object_json(name, selected, other)
        items = json_text.array_of(built.json, str(other[source.order]))
        names_this = f"{other[source.column]} = {row['id']}"
        query = select(items.sql, other.source, self.scope(name, other), names_this)
        return Built(json_text.of_aggregate(query), list_shape(built.shape))

    @_build_of.register(sources.Trail)
    def _trail(
        self, source: sources.Trail, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        return trail(self, source, field.types[0], selected, row)

    @_build_of.register(sources.Through)
    def _through(
        self, source: sources.Through, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        relation = relation_of(source.link)
        link = Row(self.new_name(relation.name), relation)
        built = variants.either(self, self._catalog, sources.Either(source.targets), selected, link)
        keys = [source.order, *source.link.primary_key.columns.keys()]
        items = json_text.array_of(built.json, ", ".join(str(link[key]) for key in keys))
        is_here = f"{link['namespace_id']} = {NAMESPACE}"
        names_this = f"{link[source.column]} = {row['id']}"
        query = select(items.sql, link.source, is_here, names_this)
        return Built(json_text.of_aggregate(query), list_shape(built.shape))

    @_build_of.register(sources.Unnested)
    def _unnested(
        self, source: sources.Unnested, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        name = field.types[0]
        relation = self._rows_of(name)
        record = Row(self.new_name(relation.name), relation)
        built = self.object_json(name, selected, record)
        columns = ", ".join(
            f"{column} {type_name(column.kind)}" for column in relation.columns.values()
        )
        records = f"jsonb_to_recordset({row[source.column]}) AS {record.name}({columns})"
        query = select(json_text.array_of(built.json).sql, records)
        return Built(json_text.of_aggregate(query), list_shape(built.shape))

    # ---- connections --------------------------------------------------------------------------

    @_build_of.register(sources.Many)
    def _many(
        self, source: sources.Many, selected: Selected, field: PlannedFieldOf, row: Row | None
    ) -> Built:
        name = field.types[0]
        other = self.new_row(name)
        conditions: list[object] = [self.scope(name, other)]
        if row is not None and source.column is not None:
            conditions.append(f"{other[source.column]} = {row['id']}")
        if source.where is not None:
            conditions.append(declared(source.where, other))
        for flag, condition in source.flags.items():
            if row is not None and selected.arguments.get(flag):
                conditions.append(declared(condition, other, row))
        tallied = kept_count(source, selected, row)
        return Connection(self, selected, name, other, conditions, tallied).build()

    # ---- walks --------------------------------------------------------------------------------

    @_build_of.register(sources.Ancestors)
    def _ancestors(
        self, source: sources.Ancestors, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        return walks.ancestors(self, source, field.types[0], selected, row)

    @_build_of.register(sources.Derived)
    def _derived(
        self, source: sources.Derived, selected: Selected, field: PlannedFieldOf, row: Row | None
    ) -> Built:
        return walks.derived(self, source, field.types[0], selected, row)

    @_build_of.register(sources.Members)
    def _members(
        self, source: sources.Members, selected: Selected, field: PlannedFieldOf, row: Row
    ) -> Built:
        return walks.members(self, source, field.types[0], selected, row)

    # ---- parts --------------------------------------------------------------------------------

    def planned_type(self, name: str) -> PlannedType:
        """Return a planned type by its name."""
        return self._catalog.types[name]

    def new_name(self, stem: str) -> str:
        """Return a name that the statement does not use yet."""
        self._names += 1
        return f"{stem}_{self._names}"

    def new_row(self, type_name: str) -> Row:
        """Return a row of a type's table that the statement does not read yet."""
        relation = self._rows_of(type_name)
        return Row(self.new_name(relation.name), relation)

    def _rows_of(self, type_name: str) -> Relation:
        rows = self.planned_type(type_name).rows
        if rows is None:
            raise TypeError(f"{type_name} has no rows of its own")
        return rows

    def scope(self, type_name: str, row: Row) -> str:
        """Return the predicate that keeps every level of a read in the caller's namespace."""
        scope = self.planned_type(type_name).planned.scope
        if scope is not None:
            return declared(scope, row, for_caller=True).sql
        return f"{row['namespace_id']} = {NAMESPACE}"

    def parameter(self, getter: Getter, kind: TypeEngine[Any]) -> Expression:
        """Return a new parameter."""
        self.getters.append(getter)
        return Expression(f"${len(self.getters)}::{type_name(kind)}", kind, nullable=False)


_WANTED = Relation.of_types("wanted", {"id": IdText(), "place": INTEGER})


def _row_value(name: str) -> Getter:
    return lambda inputs: inputs.rows.columns[name]

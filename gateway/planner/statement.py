"""Stages 2 and 3, from which tables and in which SQL: Selected -> one SELECT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatchmethod
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    case,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.types import TypeEngine

from gateway.database.base import IdText
from gateway.planner import json_text, sources
from gateway.planner.built import Built, Getter, list_shape, object_shape, variant_shape
from gateway.planner.catalog import Catalog, PlannedFieldOf, PlannedType
from gateway.planner.connection import Connection
from gateway.planner.json_text import Json
from gateway.planner.rows import Rows
from gateway.planner.selection import TYPENAME, Selected
from gateway.planner.splice import TYPE_KEY, Call, ObjectShape, Shape


class StatementBuilder:
    """Builds one statement; ``getters`` tell the value of each of its parameters."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._aliases = 0
        self.getters: dict[str, Getter] = {
            "namespace_id": lambda inputs: inputs.caller.namespace_id
        }

    # ---- the root of a field ------------------------------------------------------------------

    def root(
        self, selected: Selected, field: PlannedFieldOf | None, types: Sequence[str], rows: Rows
    ) -> tuple[Select[Any], Shape | None]:
        """Return the statement for a root field or a payload's field.

        Args:
            field: The field's own source, where it has one (a connection, a derived object).
            types: The object types that the field may return.
            rows: A sample of the rows that its resolver asks for.
        """
        if field is not None and isinstance(field.source, sources.Many | sources.Derived):
            built = self._build(field.source, selected, field, None)
            return select(built.json.sql), built.shape
        if rows.ids is not None:
            return self._listed_root(selected, types)
        if len(types) > 1:
            types = [
                each for each in types if self.planned_type(each).planned.prefix == rows.prefix
            ]
        if len(types) != 1:
            return select(literal_column("NULL", Text)), None
        target, alias = self._alias_of(types[0])
        built = self.object_json(types[0], selected, alias)
        query = select(built.json.sql).where(self._scope(target, alias))
        for name in rows.columns:
            value = self.parameter(_row_value(name), alias.c[name].type)
            query = query.where(alias.c[name] == value)
        if target.planned.named is not None and "id" not in rows.columns:
            query = query.where(target.planned.named(alias.c))
        return query, built.shape

    def _listed_root(
        self, selected: Selected, types: Sequence[str]
    ) -> tuple[Select[Any], Shape | None]:
        ids = self.parameter(lambda inputs: list(inputs.rows.ids or ()), ARRAY(Text))
        wanted = (
            func.unnest(ids)
            .table_valued("id", with_ordinality="place", name=self.new_name("want"))
            .render_derived()
        )
        built = self._variant(selected, types, wanted.c.id, wanted)
        query = select(json_text.array_of(built.json, wanted.c.place).sql).select_from(wanted)
        return query, list_shape(built.shape)

    # ---- objects ------------------------------------------------------------------------------

    def object_json(
        self, type_name: str, selected: Selected, row: FromClause, *, tagged: bool = False
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
                call = Call(type_name, each.name, field.source, each.slot)
                shape.calls[each.key] = call
                pairs.append((each.key, json_text.NULL))
                continue
            built = self._build(field.source, each, field, row)
            pairs.append((each.key, built.json))
            if built.shape:
                shape.children[each.key] = built.shape
        needs = {
            call.need_key(need): json_text.scalar(expression(row.c))
            for call in shape.calls.values()
            for need, expression in call.source.needs.items()
        }
        pairs += needs.items()
        if tagged:
            pairs.append((TYPE_KEY, json_text.constant(type_name)))
        return Built(json_text.object_of(pairs), shape or None)

    @singledispatchmethod
    def _build(
        self,
        source: sources.Source,
        selected: Selected,
        field: PlannedFieldOf,
        row: FromClause | None,
    ) -> Built:
        raise NotImplementedError(f"no SQL for {type(source).__name__}")

    @_build.register
    def _column(
        self, source: sources.Column, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        value = row.c[source.name]
        return Built(json_text.scalar(value, nullable=getattr(value, "nullable", True)))

    @_build.register
    def _sql(
        self, source: sources.Sql, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        return Built(json_text.scalar(source.build(row.c)))

    @_build.register
    def _embedded(
        self, source: sources.Embedded, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        built = self.object_json(field.types[0], selected, row)
        if source.when is not None:
            one = case((source.when(row.c), built.json.typed_sql))
            return Built(json_text.or_null(one), built.shape)
        if not selected.is_list:
            return built
        return Built(json_text.list_of_one(built.json), list_shape(built.shape))

    # ---- one other row ------------------------------------------------------------------------

    @_build.register
    def _one(
        self, source: sources.One, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        type_name = field.types[0]
        target, alias = self._alias_of(type_name)
        if source.on is not None:
            found = source.on(alias.c, row.c, self._caller())
        else:
            found = alias.c.id == row.c[source.column or ""]
        built = self.object_json(type_name, selected, alias)
        query = select(built.json.sql).where(self._scope(target, alias), found).correlate(row)
        return Built(json_text.of_row(query), built.shape)

    @_build.register
    def _either(
        self, source: sources.Either, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        tagged = self._is_computed(selected)
        shapes: dict[str, ObjectShape] = {}
        branches = []
        for id_column, type_name in source.targets.items():
            target, alias = self._alias_of(type_name)
            built = self.object_json(type_name, selected, alias, tagged=tagged)
            query = select(built.json.sql).where(
                self._scope(target, alias), alias.c.id == row.c[id_column]
            )
            branches.append((row.c[id_column].is_not(None), query.correlate(row).scalar_subquery()))
            shapes[type_name] = object_shape(built.shape)
        return Built(json_text.or_null(case(*branches)), variant_shape(shapes, tagged=tagged))

    @_build.register
    def _any_node(
        self, source: sources.AnyNode, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        return self._variant(selected, source.types, row.c[source.column], row)

    def _variant(
        self,
        selected: Selected,
        types: Sequence[str],
        id_: ColumnElement[str],
        row: FromClause,
    ) -> Built:
        """Return the entity that an id names, chosen among ``types`` by the id's prefix."""
        tagged = len(types) > 1 and self._is_computed(selected)
        shapes: dict[str, ObjectShape] = {}
        branches: list[tuple[Any, Any]] = []
        for type_name in types:
            target, alias = self._alias_of(type_name)
            built = self.object_json(type_name, selected, alias, tagged=tagged)
            query = select(built.json.sql).where(self._scope(target, alias), alias.c.id == id_)
            value = query.correlate(row).scalar_subquery()
            shapes[type_name] = object_shape(built.shape)
            if len(types) == 1:
                return Built(json_text.or_null(value), built.shape)
            is_this = func.split_part(id_, literal_column("'_'"), 1) == literal_column(
                f"'{target.planned.prefix}'"
            )
            branches.append((is_this, value))
        return Built(json_text.or_null(case(*branches)), variant_shape(shapes, tagged=tagged))

    def _is_computed(self, selected: Selected) -> bool:
        """Tell whether anything selected below is made in Python, so that its type must be told."""
        for type_name, fields in selected.fields.items():
            planned = self._catalog.types.get(type_name)
            for each in fields:
                field = planned.fields.get(each.name) if planned else None
                if field is not None and isinstance(field.source, sources.Computed):
                    return True
                if self._is_computed(each):
                    return True
        return False

    # ---- plain lists --------------------------------------------------------------------------

    @_build.register
    def _listed(
        self, source: sources.Listed, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        type_name = field.types[0]
        target, alias = self._alias_of(type_name)
        built = self.object_json(type_name, selected, alias)
        query = select(json_text.array_of(built.json, alias.c[source.order]).sql).where(
            self._scope(target, alias), alias.c[source.column] == row.c.id
        )
        return Built(json_text.of_aggregate(query.correlate(row)), list_shape(built.shape))

    @_build.register
    def _through(
        self, source: sources.Through, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        link = source.link.alias(self.new_name(source.link.name))
        of_link = PlannedFieldOf(sources.Either(source.targets), field.types)
        built = self._build(of_link.source, selected, of_link, link)
        query = select(
            json_text.array_of(built.json, link.c[source.order], *link.primary_key).sql
        ).where(link.c.namespace_id == self._namespace(), link.c[source.column] == row.c.id)
        return Built(json_text.of_aggregate(query.correlate(row)), list_shape(built.shape))

    @_build.register
    def _unnested(
        self, source: sources.Unnested, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        type_name = field.types[0]
        columns = self.planned_type(type_name).planned.record or {}
        records = (
            func.jsonb_to_recordset(row.c[source.column])
            .table_valued(
                *[column(name, kind) for name, kind in columns.items()],
                name=self.new_name("record"),
            )
            .render_derived(with_types=True)
        )
        built = self.object_json(type_name, selected, records)
        query = select(json_text.array_of(built.json).sql).select_from(records).correlate(row)
        return Built(json_text.of_aggregate(query), list_shape(built.shape))

    @_build.register
    def _ancestors(
        self, source: sources.Ancestors, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        type_name = field.types[0]
        target, first = self._alias_of(type_name)
        _, above = self._alias_of(type_name)
        _, alias = self._alias_of(type_name)
        start = select(
            first.c.id,
            first.c[source.column].label("parent_id"),
            literal_column("1").label("distance"),
        ).where(self._scope(target, first), first.c.id == row.c[source.column])
        chain = start.correlate(row).cte(self.new_name("chain"), recursive=True, nesting=True)
        chain = chain.union_all(
            select(above.c.id, above.c[source.column], chain.c.distance + 1).where(
                self._scope(target, above), above.c.id == chain.c.parent_id
            )
        )
        built = self.object_json(type_name, selected, alias)
        query = select(json_text.array_of(built.json, chain.c.distance.desc()).sql).select_from(
            chain.join(alias, and_(self._scope(target, alias), alias.c.id == chain.c.id))
        )
        return Built(json_text.of_aggregate(query), list_shape(built.shape))

    # ---- connections --------------------------------------------------------------------------

    @_build.register
    def _many(
        self,
        source: sources.Many,
        selected: Selected,
        field: PlannedFieldOf,
        row: FromClause | None,
    ) -> Built:
        type_name = field.types[0]
        target, alias = self._alias_of(type_name)
        conditions = [self._scope(target, alias)]
        if row is not None and source.column is not None:
            conditions.append(alias.c[source.column] == row.c.id)
        if source.where is not None:
            conditions.append(source.where(alias.c))
        for flag, condition in source.flags.items():
            if row is not None and selected.arguments.get(flag):
                conditions.append(condition(alias.c, row.c))
        return Connection(self, selected, type_name, alias, conditions, row).build()

    # ---- derived objects ----------------------------------------------------------------------

    @_build.register
    def _derived(
        self,
        source: sources.Derived,
        selected: Selected,
        field: PlannedFieldOf,
        row: FromClause | None,
    ) -> Built:
        type_name = field.types[0]
        slot = selected.slot or 0
        start = (
            row.c.id
            if row is not None
            else self.parameter(lambda inputs: inputs.arguments[slot]["id"], IdText())
        )

        def parameter(
            name: str, kind: TypeEngine[Any], convert: Callable[[Any], Any]
        ) -> ColumnElement[Any]:
            return self.parameter(lambda inputs: convert(inputs.arguments[slot].get(name)), kind)

        found = source.build(
            sources.DerivedQuery(start, row, self._namespace(), selected.arguments, parameter)
        )
        built = self.object_json(type_name, selected, found)
        query = select(
            case((select(literal_column("1")).select_from(found).exists(), built.json.sql))
        ).add_cte(found, nest_here=True)
        if row is None:
            return Built(json_text.of_aggregate(query), built.shape)
        return Built(json_text.of_row(query), built.shape)

    @_build.register
    def _members(
        self, source: sources.Members, selected: Selected, field: PlannedFieldOf, row: FromClause
    ) -> Built:
        member = row.alias(self.new_name("member"))
        built = self.object_json(field.types[0], selected, member)
        query = select(
            json_text.array_of(built.json, *[member.c[name] for name in source.order]).sql
        ).select_from(member)
        if source.where is not None:
            query = query.where(source.where(member.c, row.c))
        return Built(json_text.of_aggregate(query), list_shape(built.shape))

    # ---- parts --------------------------------------------------------------------------------

    def planned_type(self, name: str) -> PlannedType:
        """Return a planned type by its name."""
        return self._catalog.types[name]

    def new_name(self, stem: str) -> str:
        """Return a name that the statement does not use yet."""
        self._aliases += 1
        return f"{stem}_{self._aliases}"

    def _alias_of(self, type_name: str) -> tuple[PlannedType, FromClause]:
        target = self.planned_type(type_name)
        table = target.planned.table
        if table is None:
            raise TypeError(f"{type_name} has no table of its own")
        return target, table.alias(self.new_name(table.name))

    def parameter(self, getter: Getter, kind: TypeEngine[Any]) -> ColumnElement[Any]:
        """Return a new parameter."""
        name = f"p{len(self.getters)}"
        self.getters[name] = getter
        return bindparam(name, type_=kind, required=True)

    def _namespace(self) -> ColumnElement[str]:
        return bindparam("namespace_id", type_=IdText(), required=True)

    def _caller(self) -> sources.CallerBinds:
        return sources.CallerBinds(
            self._namespace(),
            self.parameter(lambda inputs: inputs.caller.key_id, IdText()),
            self.parameter(
                lambda inputs: (
                    None if inputs.caller.namespaces is None else sorted(inputs.caller.namespaces)
                ),
                ARRAY(Text),
            ),
        )

    def _scope(self, target: PlannedType, row: FromClause) -> sources.Predicate:
        """Return the predicate that keeps every level of a read in the caller's namespace."""
        if target.planned.scope is not None:
            return target.planned.scope(row.c, self._caller())
        return row.c.namespace_id == self._namespace()


def _row_value(name: str) -> Getter:
    return lambda inputs: inputs.rows.columns[name]

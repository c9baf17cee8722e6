"""Connections: one page of rows by keyset, and what is selected beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.types import TypeEngine

from gateway.planner import json_text
from gateway.planner.built import Built, Getter, list_shape
from gateway.planner.catalog import PlannedType
from gateway.planner.filters import FilterBuilder
from gateway.planner.json_text import Json
from gateway.planner.ordering import Ordering
from gateway.planner.paging import goes_backwards, page_size
from gateway.planner.selection import TYPENAME, Selected
from gateway.planner.sources import Predicate
from gateway.planner.splice import ObjectShape


class Builder(Protocol):
    """What a connection needs of the statement it stands in."""

    def planned_type(self, name: str) -> PlannedType:
        """Return a planned type by its name."""

    def new_name(self, stem: str) -> str:
        """Return a name that the statement does not use yet."""

    def parameter(self, getter: Getter, kind: TypeEngine[Any]) -> ColumnElement[Any]:
        """Return a new parameter."""

    def object_json(self, type_name: str, selected: Selected, row: FromClause) -> Built:
        """Return the JSON of one row."""


class Connection:
    """The page of one connection field.

    A page that is taken from the end is read backwards, and shown forwards.
    """

    def __init__(
        self,
        builder: Builder,
        selected: Selected,
        node_type: str,
        alias: FromClause,
        conditions: Sequence[Predicate],
        parent: FromClause | None,
    ) -> None:
        self._builder = builder
        self._node_type = node_type
        self._alias = alias
        self._parent = parent
        ((self._type_name, self._fields),) = selected.fields.items()
        arguments, slot = selected.arguments, selected.slot or 0

        info = [inner for each in self._fields if each.name == "pageInfo" for inner in _only(each)]
        self._is_read = bool({each.name for each in self._fields} & {"nodes", "edges", "pageInfo"})
        self._backwards = goes_backwards(arguments)
        # One row more than asked for tells whether the list goes on; read it only for that.
        ahead = "hasPreviousPage" if self._backwards else "hasNextPage"
        self._looks_ahead = any(each.name == ahead for each in info)

        kind = builder.planned_type(node_type).planned.prefix or ""
        self._ordering = Ordering(kind, slot, arguments.get("order_by") or (), builder.parameter)
        self._size = builder.parameter(lambda inputs: page_size(inputs.arguments[slot]), Integer())
        self._all = list(conditions)
        if arguments.get("filter") is not None:
            filters = FilterBuilder(slot, alias.c, builder.parameter)
            self._all.append(filters.build(arguments["filter"]))
        self._ends = {
            cursor: self._ordering.beyond(alias.c, cursor, backwards=cursor == "before")
            for cursor in ("after", "before")
            if arguments.get(cursor) is not None
        }
        self._page = self._rows().subquery(builder.new_name("page"))

    def build(self) -> Built:
        """Return the connection's JSON."""
        pairs: list[tuple[str, Json]] = []
        shape = ObjectShape()
        for each in self._fields:
            built = self._field(each)
            pairs.append((each.key, built.json))
            if built.shape:
                shape.children[each.key] = built.shape
        query = select(json_text.object_of(pairs).sql)
        if self._is_read:
            # An aggregate without GROUP BY has exactly one row, whatever else is selected.
            query = query.select_from(self._page).having(literal_column("true"))
        return Built(json_text.of_aggregate(query), shape or None)

    def _rows(self) -> Any:
        limit = self._size + literal_column("1") if self._looks_ahead else self._size
        query = (
            select(*self._alias.c)
            .where(*self._all, *self._ends.values())
            .order_by(*self._ordering.by(self._alias.c, backwards=self._backwards))
            .limit(limit)
        )
        return query if self._parent is None else query.correlate(self._parent)

    # ---- fields -------------------------------------------------------------------------------

    def _field(self, selected: Selected) -> Built:
        match selected.name:
            case "nodes":
                return self._list_of(
                    self._builder.object_json(self._node_type, selected, self._page)
                )
            case "edges":
                return self._list_of(self._edge(selected))
            case "pageInfo":
                pairs = [(each.key, self._info(each)) for each in _only(selected)]
                return Built(json_text.object_of(pairs))
            case "totalCount":
                return Built(json_text.scalar(self._count(), nullable=False))
            case "statusCounts":
                return Built(self._status_counts(selected))
            case _:
                return Built(json_text.constant(self._type_name))

    def _edge(self, selected: Selected) -> Built:
        ((edge_type, fields),) = selected.fields.items()
        pairs: list[tuple[str, Json]] = []
        shape = ObjectShape()
        for each in fields:
            if each.name == "node":
                built = self._builder.object_json(self._node_type, each, self._page)
                pairs.append((each.key, built.json))
                if built.shape:
                    shape.children[each.key] = built.shape
            elif each.name == TYPENAME:
                pairs.append((each.key, json_text.constant(edge_type)))
            else:
                pairs.append((each.key, json_text.scalar(self._cursor(), nullable=False)))
        return Built(json_text.object_of(pairs), shape or None)

    def _list_of(self, item: Built) -> Built:
        shown = self._shown(item.json.typed_sql)
        if shown is None:
            order = self._ordering.by(self._page.c)
            return Built(json_text.array_of(item.json, *order), list_shape(item.shape))
        text = func.array_to_string(shown, literal_column("','"), type_=Text)
        return Built(json_text.bracketed(text), list_shape(item.shape))

    def _info(self, selected: Selected) -> Json:
        match selected.name:
            case "hasNextPage":
                return self._goes_on(ahead=not self._backwards, cursor="before")
            case "hasPreviousPage":
                return self._goes_on(ahead=self._backwards, cursor="after")
            case "startCursor":
                return self._end_cursor(first=True)
            case "endCursor":
                return self._end_cursor(first=False)
            case _:
                return json_text.constant("PageInfo")

    # ---- rows in their order ------------------------------------------------------------------

    def _in_order(self, item: ColumnElement[Any], *, backwards: bool = False) -> Any:
        order = self._ordering.by(self._page.c, backwards=backwards)
        ordered: Any = aggregate_order_by(item, *order)
        return type_coerce(func.array_agg(ordered), ARRAY(Text))

    def _shown(self, item: ColumnElement[Any]) -> Any:
        """Return an array of the rows that are shown; None if all that are read are."""
        if not self._looks_ahead:
            return None
        if self._backwards:  # the row too many comes first
            first = func.greatest(func.count() - self._size, 0, type_=Integer)
            return self._in_order(item)[first + literal_column("1") : func.count()]
        return self._in_order(item)[1 : self._size]

    def _cursor(self) -> ColumnElement[str]:
        return self._ordering.cursor(self._page.c)

    def _end_cursor(self, *, first: bool) -> Json:
        """Return the cursor of the first or last row shown, null on an empty page."""
        nearest = first is not self._backwards  # to where the reading began
        place: Any = literal_column("1")
        if not nearest:
            place = func.least(func.count(), self._size, type_=Integer)
        elif self._looks_ahead:  # an empty page may have read the row beyond it
            place = func.least(place, self._size, type_=Integer)
        cursors = self._in_order(self._cursor(), backwards=self._backwards)
        return json_text.scalar(cursors[place])

    def _goes_on(self, *, ahead: bool, cursor: str) -> Json:
        """Tell whether there are rows beyond the page: ahead, or behind where it began."""
        if ahead:
            return json_text.scalar(func.count() > self._size, nullable=False)
        if cursor not in self._ends:
            return json_text.fixed("false")
        behind: Select[Any] = select(literal_column("1")).where(*self._all, ~self._ends[cursor])
        if self._parent is not None:
            behind = behind.correlate(self._parent)
        return json_text.scalar(behind.exists(), nullable=False)

    # ---- counts -------------------------------------------------------------------------------

    def _count(self) -> ColumnElement[int]:
        query = select(func.count()).select_from(self._alias).where(*self._all)
        if self._parent is not None:
            query = query.correlate(self._parent)
        return query.scalar_subquery()

    def _status_counts(self, selected: Selected) -> Json:
        ((type_name, fields),) = selected.fields.items()
        query = select(self._alias.c.status, func.count().label("rows")).where(*self._all)
        query = query.group_by(self._alias.c.status)
        if self._parent is not None:
            query = query.correlate(self._parent)
        counted = query.subquery(self._builder.new_name("counted"))
        values = {
            "status": json_text.scalar(counted.c.status, nullable=False),
            "count": json_text.scalar(counted.c.rows, nullable=False),
            TYPENAME: json_text.constant(type_name),
        }
        item = json_text.object_of([(each.key, values[each.name]) for each in fields])
        return json_text.of_aggregate(
            select(json_text.array_of(item, counted.c.status).sql).select_from(counted)
        )


def _only(selected: Selected) -> tuple[Selected, ...]:
    (fields,) = selected.fields.values()
    return fields

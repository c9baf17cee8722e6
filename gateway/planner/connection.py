"""Connections: one page of rows by keyset, and what is selected beside them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.planner import json_text
from gateway.planner.built import Builder, Built, list_shape
from gateway.planner.filters import FilterBuilder
from gateway.planner.json_text import Json
from gateway.planner.ordering import Ordering
from gateway.planner.paging import goes_backwards, page_size
from gateway.planner.selection import TYPENAME, Selected
from gateway.planner.splice import ObjectShape
from gateway.planner.sql import INTEGER, Expression, Row, nested, select


class Connection:
    """The page of one connection field.

    A page that is taken from the end is read backwards, and shown forwards.

    Args:
        row: One of the rows that it pages through.
        conditions: Which rows these are.
        tallied: How many these are, where that is known without counting.
    """

    def __init__(
        self,
        builder: Builder,
        selected: Selected,
        node_type: str,
        row: Row,
        conditions: Sequence[object],
        tallied: Expression | None,
    ) -> None:
        self._builder = builder
        self._node_type = node_type
        self._row = row
        self._tallied = tallied
        self._page = Row(builder.new_name("page"), row.relation)
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
        self._size = builder.parameter(lambda inputs: page_size(inputs.arguments[slot]), INTEGER)
        self._all = list(conditions)
        if arguments.get("filter") is not None:
            filters = FilterBuilder(slot, row, builder.parameter)
            self._all.append(filters.build(arguments["filter"]))
        self._ends = {
            cursor: self._ordering.beyond(row, cursor, backwards=cursor == "before")
            for cursor in ("after", "before")
            if arguments.get(cursor) is not None
        }

    def build(self) -> Built:
        """Return the connection's JSON."""
        pairs: list[tuple[str, Json]] = []
        shape = ObjectShape()
        for each in self._fields:
            built = self._field(each)
            pairs.append((each.key, built.json))
            if built.shape:
                shape.children[each.key] = built.shape
        json = json_text.object_of(pairs)
        if self._is_read:
            # An aggregate without GROUP BY has exactly one row, whatever else is selected.
            query = select(json.sql, f"{nested(self._rows())} AS {self._page.name}")
            json = json_text.of_aggregate(f"{query}\nHAVING true")
        return Built(json, shape or None)

    def _rows(self) -> str:
        query = select("*", self._row.source, *self._all, *self._ends.values())
        order = self._ordering.by(self._row, backwards=self._backwards)
        limit = f"{self._size} + 1" if self._looks_ahead else self._size
        return f"{query}\nORDER BY {order}\nLIMIT {limit}"

    # ---- what is selected ---------------------------------------------------------------------

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
                return Built(json_text.of_aggregate(self._count()))
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
                pairs.append((each.key, json_text.scalar(self._ordering.cursor(self._page))))
        return Built(json_text.object_of(pairs), shape or None)

    def _list_of(self, item: Built) -> Built:
        order = self._ordering.by(self._page)
        if not self._looks_ahead:
            return Built(json_text.array_of(item.json, order), list_shape(item.shape))
        shown = self._shown(f"array_agg(\n{item.json.typed_sql}\nORDER BY {order}\n)")
        return Built(json_text.bracketed(f"array_to_string({shown}, ',')"), list_shape(item.shape))

    def _shown(self, rows: str) -> str:
        """Return, of an array of all rows that are read, those that are shown."""
        if self._backwards:  # the row too many comes first
            return f"({rows})[greatest(count(*) - {self._size}, 0) + 1:count(*)]"
        return f"({rows})[1:{self._size}]"

    # ---- where the page stands ----------------------------------------------------------------

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

    def _end_cursor(self, *, first: bool) -> Json:
        """Return the cursor of the first or last row shown, null on an empty page."""
        nearest = first is not self._backwards  # to where the reading began
        place = "1"
        if not nearest:
            place = f"least(count(*), {self._size})"
        elif self._looks_ahead:  # an empty page may have read the row beyond it
            place = f"least(1, {self._size})"
        order = self._ordering.by(self._page, backwards=self._backwards)
        cursors = f"array_agg({self._ordering.cursor(self._page)} ORDER BY {order})"
        return json_text.scalar(Expression(f"({cursors})[{place}]"))

    def _goes_on(self, *, ahead: bool, cursor: str) -> Json:
        """Tell whether there are rows beyond the page: ahead, or behind where it began."""
        if ahead:
            return json_text.expression(f"CAST(count(*) > {self._size} AS text)")
        if cursor not in self._ends:
            return json_text.fixed("false")
        if self._ordering.is_of_moments:
            # EXISTS would try row after row from the start of a table that is mostly this list. In
            # order, and only so, the first one tried is the next to the cursor.
            is_behind = self._ordering.up_to(self._row, cursor, backwards=cursor == "before")
            away = self._ordering.by(self._row, backwards=not self._backwards)
            nearest = select("1", self._row.source, *self._all, is_behind)
            found = nested(f"{nearest}\nORDER BY {away}\nLIMIT 1")
            return json_text.expression(f"CAST({found} IS NOT NULL AS text)")
        behind = select("1", self._row.source, *self._all, f"NOT {self._ends[cursor]}")
        return json_text.expression(f"CAST(EXISTS {nested(behind)} AS text)")

    # ---- counts -------------------------------------------------------------------------------

    def _count(self) -> str:
        if self._tallied is not None:
            return f"CAST({self._tallied} AS text)"
        return select("CAST(count(*) AS text)", self._row.source, *self._all)

    def _status_counts(self, selected: Selected) -> Json:
        ((type_name, fields),) = selected.fields.items()
        query = select(f"{self._row['status']}, count(*) AS rows", self._row.source, *self._all)
        query += f"\nGROUP BY {self._row['status']}"
        counted = self._builder.new_name("counted")
        values = {
            "status": json_text.expression(f"CAST(to_json({counted}.status) AS text)"),
            "count": json_text.expression(f"CAST({counted}.rows AS text)"),
            TYPENAME: json_text.constant(type_name),
        }
        item = json_text.object_of([(each.key, values[each.name]) for each in fields])
        items = json_text.array_of(item, f"{counted}.status")
        return json_text.of_aggregate(select(items.sql, f"{nested(query)} AS {counted}"))


def _only(selected: Selected) -> tuple[Selected, ...]:
    (fields,) = selected.fields.values()
    return fields

"""A log's rows about one row, from a place on."""

from __future__ import annotations

from gateway.planner import json_text, sources
from gateway.planner.built import Builder, Built, list_shape
from gateway.planner.paging import page_size
from gateway.planner.selection import Selected
from gateway.planner.sql import INTEGER, Row, nested, select


def trail(
    builder: Builder, source: sources.Trail, type_name: str, selected: Selected, row: Row
) -> Built:
    """Return the first rows of a log that name this row, beyond the place that is asked for."""
    slot = selected.slot or 0
    entry = builder.new_row(type_name)
    built = builder.object_json(type_name, selected, entry)
    size = builder.parameter(lambda inputs: page_size(inputs.arguments[slot]), INTEGER)
    place = builder.parameter(
        lambda inputs: source.place(
            inputs.arguments[slot].get("after"), inputs.caller.namespace_id
        ),
        source.kind,
    )
    order = str(entry[source.order])
    names_this = f"{entry[source.column]} = {row['id']}"
    beyond = source.beyond(order, str(place))
    rows = select("*", entry.source, builder.scope(type_name, entry), names_this, beyond)
    page = nested(f"{rows}\nORDER BY {order} LIMIT {size}")
    query = select(json_text.array_of(built.json, order).sql, f"{page} AS {entry.name}")
    return Built(json_text.of_aggregate(query), list_shape(built.shape))

"""Walks over lineage: ancestors, and objects over the rows of a query of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.types import TypeEngine

from gateway.database.base import IdText
from gateway.planner import json_text, sources
from gateway.planner.built import Builder, Built, list_shape
from gateway.planner.declared import NAMESPACE, declared
from gateway.planner.selection import Selected
from gateway.planner.sql import Row, nested, select


def ancestors(
    builder: Builder, source: sources.Ancestors, type_name: str, selected: Selected, row: Row
) -> Built:
    """Return the rows above one, the root first.

    The walk carries what is selected of each row, so that none is looked up twice.
    """
    first, above = builder.new_row(type_name), builder.new_row(type_name)
    chain = Row(builder.new_name("chain"), first.relation)
    built = builder.object_json(type_name, selected, chain)
    items = json_text.array_of(built.json, f"{chain.name}.distance DESC").sql
    parent = chain[source.column]
    carried = [
        column for column in chain.relation.columns if str(chain[column]) in f"{items} {parent}"
    ]

    def step(at: Row, distance: str, source_: str, id_: object) -> str:
        columns = ", ".join(str(at[column]) for column in carried)
        where = builder.scope(type_name, at), f"{at['id']} = {id_}"
        return select(f"{columns}, {distance} AS distance", source_, *where)

    start = step(first, "1", first.source, row[source.column])
    onwards = step(above, f"{chain.name}.distance + 1", f"{chain.name}, {above.source}", parent)
    walk = f"{start}\nUNION ALL\n{onwards}"
    query = f"WITH RECURSIVE {chain.name} AS {nested(walk)}\n{select(items, chain.name)}"
    return Built(json_text.of_aggregate(query), list_shape(built.shape))


def derived(
    builder: Builder, source: sources.Derived, type_name: str, selected: Selected, row: Row | None
) -> Built:
    """Return an object over the rows that a query of its own finds; null if there are none."""
    slot = selected.slot or 0

    def bind(name: str, kind: TypeEngine[Any], convert: Callable[[Any], Any]) -> str:
        return str(
            builder.parameter(lambda inputs: convert(inputs.arguments[slot].get(name)), kind)
        )

    start = bind("id", IdText(), lambda id_: id_) if row is None else str(row["id"])
    found = source.build(sources.DerivedQuery(start, str(NAMESPACE), selected.arguments, bind))
    every = Row(found.rows.name, found.rows, is_readable=True)
    built = builder.object_json(type_name, selected, every)
    query = (
        f"WITH {every.name} AS {nested(found.query)}\n"
        f"SELECT CASE WHEN EXISTS (SELECT 1 FROM {every.name}) THEN {built.json.sql} END"
    )
    # At a root there may be no row at all, of which the reader makes null or an error.
    json = json_text.of_aggregate(query) if row is None else json_text.of_row(query)
    return Built(json, built.shape)


def members(
    builder: Builder, source: sources.Members, type_name: str, selected: Selected, every: Row
) -> Built:
    """Return rows of a derived query."""
    member = Row(builder.new_name("member"), every.relation)
    built = builder.object_json(type_name, selected, member)
    items = json_text.array_of(built.json, ", ".join(str(member[name]) for name in source.order))
    where = [] if source.where is None else [declared(source.where, member, every)]
    query = select(items.sql, f"{every.name} AS {member.name}", *where)
    return Built(json_text.of_aggregate(query), list_shape(built.shape))

"""The start-up audit of types: entities, what is read within their rows, derived objects."""

# Without postponed annotations: Strawberry looks for their names in the module, not in a test.

from typing import Any

import pytest
import strawberry
from sqlalchemy import Integer, Text, literal_column

from gateway.database.base import IdText
from gateway.planner.audit.auditor import WrongDeclarations
from gateway.planner.declare import (
    any_node,
    column,
    derived,
    embedded,
    embedded_type,
    entity,
    listed,
    members,
    one,
    record,
    unnested,
)
from gateway.planner.node import Node
from gateway.planner.sources import (
    CallerBinds,
    Columns,
    DerivedQuery,
    DerivedRows,
    Predicate,
    Sizing,
)
from gateway.planner.sql import Relation
from gateway.schema import GatewaySchema

from .planted import (
    Book,
    BookRow,
    OwnerRow,
    Query,
    Shelf,
    ShelfRow,
    Writing,
    bad,
    ids,
    problems,
    rows,
)

NO_COLUMN = "has no column {0}, nor {0}_id to name another row; declare where it comes from"
ID = column("id", description="")


NEARBY = Relation.of_types("nearby", {"id": IdText(), "distance": Integer(), "note": Text()})


def nearby(query: DerivedQuery) -> DerivedRows:
    """Return the query of a derived object: rows of which nothing is known but the columns."""
    return DerivedRows(f"SELECT {query.start} AS id, 1 AS distance, '' AS note", NEARBY)


# ---- entities -----------------------------------------------------------------------------------


def test_refuses_an_entity_that_nothing_keeps_to_a_namespace() -> None:
    assert problems(bad(str, ID, entity(OwnerRow, description="Bad."))) == [
        "Bad: owners has no column namespace_id, so it needs a scope: who may see which rows"
    ]


def test_refuses_a_scope_over_an_unknown_column() -> None:
    scoped = entity(OwnerRow, scope=lambda row, _: row.key.is_(None), description="Bad.")

    assert problems(bad(str, ID, scoped)) == [
        "Bad: the scope cannot be built over owners: AttributeError: key"
    ]


def test_refuses_to_find_by_name_where_an_unknown_column_says_so() -> None:
    named = entity(ShelfRow, named=lambda row: row.name.is_not(None), description="Bad.")

    assert problems(bad(str, ID, named)) == [
        "Bad: the predicate `named` cannot be built over shelves: AttributeError: name"
    ]


def test_refuses_an_entity_whose_rows_no_index_finds_by_id() -> None:
    heap = rows("heaps", *ids("id", "namespace_id"))

    assert problems(bad(str, ID, entity(heap, description="Bad."))) == [
        "Bad: heaps has no index that begins with (namespace_id, id)"
    ]


def test_takes_for_granted_that_a_scope_shows_the_row_itself_again() -> None:
    def shown(row: Columns, caller: CallerBinds) -> Predicate:
        return row.id == caller.key_id  # type: ignore[no-any-return]

    def shown_to_all(row: Columns, _: CallerBinds) -> Predicate:
        return row.id.is_not(None)  # type: ignore[no-any-return]

    @entity(OwnerRow, scope=shown, description="A key.")
    class Key:
        id: strawberry.ID = strawberry.field(description="")

    again = one("id", description="")
    assert problems(bad(Key, again, entity(OwnerRow, scope=shown, description="Good."))) == []
    assert problems(bad(Key, again, entity(OwnerRow, scope=shown_to_all, description="Bad."))) == [
        "Bad.field: the type ends in !, but the scope of Key may hide the row"
    ]


def test_refuses_two_entities_with_one_prefix() -> None:
    assert problems(Shelf, bad(str, ID, entity(BookRow, "shelf", description="Bad."))) == [
        "Bad: its ids begin with shelf, as Shelf's do"
    ]


def test_tells_all_problems_by_type_and_field() -> None:
    @entity(ShelfRow, description="Bad.")
    class Bad:
        note: str = strawberry.field(description="")
        name: str | None = strawberry.field(description="")

    @entity(OwnerRow, description="Worse.")
    class Worse:
        id: strawberry.ID = strawberry.field(description="")

    with pytest.raises(WrongDeclarations) as told:
        GatewaySchema(query=Query, types=[Bad, Worse])

    assert str(told.value) == (
        "the schema cannot be read as it is declared:\n"
        "  Bad.note: the type ends in !, but shelves.note may be NULL\n"
        f"  Bad.name: shelves {NO_COLUMN.format('name')}\n"
        "  Worse: owners has no column namespace_id, so it needs a scope: who may see which rows"
    )


# ---- within a row -------------------------------------------------------------------------------


def test_refuses_an_embedded_field_that_its_row_does_not_have() -> None:
    @entity(ShelfRow, description="Good.")
    class Good:
        writing: Writing = embedded(description="")

    made = bad(Writing, embedded(description=""), entity(BookRow, description="Bad."))
    assert problems(Good, made) == [f"Writing.note: books {NO_COLUMN.format('note')}"]


def test_refuses_to_promise_an_embedded_object_that_is_not_always_there() -> None:
    @embedded_type("Ink.")
    class Ink:
        title: str = strawberry.field(description="")

    def sometimes() -> Any:
        return embedded(when=lambda shelf: shelf.title.is_not(None), description="")

    assert problems(bad(Ink | None, sometimes())) == []
    assert problems(bad(Ink, sometimes())) == [
        "Bad.field: is null where `when` does not hold, so its type cannot end in !"
    ]
    assert problems(bad(list[Ink], sometimes()))[-1] == (
        "Bad.field: is a list of the one object, always; `when` is for one object"
    )
    wrong = embedded(when=lambda shelf: shelf.color.is_not(None), description="")
    (problem,) = problems(bad(Ink | None, wrong))
    assert problem.startswith("Bad.field: ")


def test_refuses_an_embedded_promise_over_what_may_be_null() -> None:
    @embedded_type("Ink.")
    class Ink:
        note: str = strawberry.field(description="")

    assert problems(bad(list[Ink], embedded(description=""))) == [
        "Ink.note: the type ends in !, but shelves.note may be NULL"
    ]


def test_refuses_a_field_that_a_record_does_not_have() -> None:
    @record("Bad.", shelf_id=literal_column("''").type)
    class Note:
        word: str = strawberry.field(description="")
        shelf: Shelf | None = strawberry.field(description="")
        other: Shelf | None = one("other_id", description="")
        books: list[Book] = listed("shelf_id", order="place", description="")

    assert problems(bad(list[Note], unnested("labels", description=""))) == [
        f"Note.word: a record of Note {NO_COLUMN.format('word')}",
        "Note.other: a record of Note has no column other_id",
        "Note.books: a record of Note has no column id",
    ]


# ---- derived objects ----------------------------------------------------------------------------


ANY = Sizing((), 1, 1)


@embedded_type("A row of the graph.")
class Found:
    node: Node = any_node("id", types=("Shelf",), description="")
    distance: int = strawberry.field(description="")
    note: str = strawberry.field(description="")


@embedded_type("A graph.")
class Graph:
    nodes: list[Found] = members(order=("distance", "id"), description="")


def test_takes_a_derived_object_below_and_at_a_root() -> None:
    @strawberry.type
    class Root:
        graph: Graph | None = derived(nearby, sizing=ANY, arguments={}, description="")

    below = bad(Graph, derived(nearby, sizing=ANY, arguments={}, description=""))
    assert problems(Shelf, below, query=Root) == []


def test_refuses_a_derived_object_whose_query_cannot_be_built() -> None:
    def unfinished(query: DerivedQuery) -> DerivedRows:
        return DerivedRows(f"SELECT {query.arguments['name']}", NEARBY)

    assert problems(bad(Graph, derived(unfinished, sizing=ANY, arguments={}, description=""))) == [
        "Bad.field: the query cannot be built over shelves: KeyError: 'name'"
    ]


def test_refuses_a_derived_object_of_a_row_without_an_id() -> None:
    keyless = rows("heaps", *ids("namespace_id", "shelf_id"))
    graph = derived(nearby, sizing=ANY, arguments={}, description="")

    assert problems(bad(Graph, graph, entity(keyless, description="Bad."))) == [
        "Bad.field: starts from the row's id, and heaps has none"
    ]


def test_refuses_what_the_rows_of_a_derived_object_do_not_have() -> None:
    @embedded_type("Bad.")
    class BadGraph:
        unsorted: list[Found] = members(order=("size",), description="")
        some: list[Found] = members(
            order=("id",), where=lambda row, every: row.size == every.id, description=""
        )
        cut: bool = strawberry.field(description="")

    query = "the query of Bad.field"
    assert problems(
        Shelf, bad(BadGraph, derived(nearby, sizing=ANY, arguments={}, description=""))
    ) == [
        f"BadGraph.unsorted: {query} has no column size",
        f"BadGraph.some: the predicate `where` cannot be built over {query}: AttributeError: size",
        f"BadGraph.cut: {query} {NO_COLUMN.format('cut')}",
    ]


def test_refuses_to_tell_the_type_of_an_id_without_a_prefix() -> None:
    @entity(BookRow, description="Bad.")
    class Bad(Node):
        anything: Node | None = any_node("shelf_id", types=("Bad", "Shelf"), description="")

    assert problems(Shelf, Bad) == ["Bad.anything: Bad has no prefix, by which ids tell their type"]

"""The start-up audit of fields: each case is a fault, and what is said of it."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import pytest
import strawberry
from sqlalchemy import Text, bindparam, func

from gateway.planner.declare import (
    ancestors,
    any_node,
    column,
    computed,
    either,
    listed,
    many,
    members,
    one,
    sql,
    through,
    trail,
    unnested,
)
from gateway.planner.node import Node

from .planted import (
    Book,
    BookConnection,
    Label,
    LinkRow,
    Owner,
    Shelf,
    Writing,
    bad,
    problems,
)

Part = TypeVar("Part")


@strawberry.type
class MadeOf(Generic[Part]):
    parts: list[Part]


@strawberry.type
class PlannedPart:
    books: BookConnection = many(description="")


@strawberry.type
class ResolvedPart:
    @strawberry.field
    def length(self) -> int:
        return 1


def fault(name: str, kind: Any, declared: Any, problem: str) -> Any:
    return pytest.param(kind, declared, problem, id=name)


def problem_of(kind: Any, declared: Any) -> str:
    """Return the one problem of a field over shelves."""
    (problem,) = problems(bad(kind, declared), Shelf, Book, Owner)
    place, _, text = problem.partition(": ")
    assert place == "Bad.field"
    return text


MAY_BE_NULL = "the type ends in !, but shelves.{} may be NULL"
MAY_ALL_BE_NULL = "the type has a !, but {} may be NULL all at once"
SHELF_KEY = "to shelves (namespace_id, id)"
NO_INDEX = "books has no index that begins with (namespace_id, {}, id)"


def trailing(column: str, *, order: str) -> Any:
    return trail(
        column,
        order=order,
        after=str,
        kind=Text(),
        place=lambda after, _: after,
        beyond="{} > {}".format,
        description="",
    )


@pytest.mark.parametrize(
    ("kind", "declared", "problem"),
    [
        fault(
            "column",
            str,
            column("note", description=""),
            MAY_BE_NULL.format("note"),
        ),
        fault(
            "sql",
            str,
            sql(lambda row: row.note, description=""),
            MAY_BE_NULL.format("note"),
        ),
        fault(
            "one",
            Shelf,
            one("above_id", description=""),
            MAY_BE_NULL.format("above_id"),
        ),
        fault(
            "scope",
            Owner,
            one("hidden_id", description=""),
            "the type ends in !, but the scope of Owner may hide the row",
        ),
        fault(
            "either",
            Node,
            either({"left_id": "Shelf", "right_id": "Book"}, description=""),
            MAY_ALL_BE_NULL.format("left_id, right_id of shelves"),
        ),
        fault(
            "any_node",
            Node,
            any_node("above_id", types=("Shelf",), description=""),
            MAY_BE_NULL.format("above_id"),
        ),
        fault(
            "through",
            list[Shelf],
            through(
                LinkRow, "shelf_id", targets={"other_id": "Shelf"}, order="place", description=""
            ),
            MAY_ALL_BE_NULL.format("other_id of links"),
        ),
    ],
)
def test_refuses_a_promise_over_what_may_be_null(kind: Any, declared: Any, problem: str) -> None:
    assert problem_of(kind, declared) == problem


@pytest.mark.parametrize(
    ("kind", "declared", "problem"),
    [
        fault(
            "key of one",
            Shelf | None,
            one("friend_id", description=""),
            f"shelves has no foreign key (namespace_id, friend_id) {SHELF_KEY}",
        ),
        fault(
            "key of one to another table",
            Book | None,
            one("left_id", description=""),
            "shelves has no foreign key (namespace_id, left_id) to books (namespace_id, id)",
        ),
        fault(
            "key of one to a table without namespaces",
            Owner | None,
            one("friend_id", description=""),
            "shelves has no foreign key (friend_id) to owners (id)",
        ),
        fault(
            "key of listed",
            list[Book],
            listed("loose_id", order="place", description=""),
            f"books has no foreign key (namespace_id, loose_id) {SHELF_KEY}",
        ),
        fault(
            "key of many",
            BookConnection,
            many("loose_id", description=""),
            f"books has no foreign key (namespace_id, loose_id) {SHELF_KEY}",
        ),
        fault(
            "key of ancestors",
            list[Shelf],
            ancestors("friend_id", description=""),
            f"shelves has no foreign key (namespace_id, friend_id) {SHELF_KEY}",
        ),
        fault(
            "key of either",
            Node | None,
            either({"friend_id": "Shelf", "right_id": "Book"}, description=""),
            f"shelves has no foreign key (namespace_id, friend_id) {SHELF_KEY}",
        ),
        fault(
            "key of through",
            list[Shelf | None],
            through(
                LinkRow, "shelf_id", targets={"loose_id": "Shelf"}, order="place", description=""
            ),
            f"links has no foreign key (namespace_id, loose_id) {SHELF_KEY}",
        ),
    ],
)
def test_refuses_a_relation_without_a_foreign_key(kind: Any, declared: Any, problem: str) -> None:
    assert problem_of(kind, declared) == problem


@pytest.mark.parametrize(
    ("kind", "declared", "problem"),
    [
        fault(
            "index of listed",
            list[Book],
            listed("slow_id", order="place", description=""),
            "books has no index that begins with (namespace_id, slow_id)",
        ),
        fault(
            "index of a trail that does not go on with its order",
            list[Book],
            trailing("loose_id", order="place"),
            "books has no index that begins with (namespace_id, loose_id, place)",
        ),
        fault(
            "index of many that does not go on with id",
            BookConnection,
            many("short_id", description=""),
            NO_INDEX.format("short_id"),
        ),
        fault(
            "index over some rows",
            BookConnection,
            many("partial_id", description=""),
            NO_INDEX.format("partial_id"),
        ),
        fault(
            "index that knows no order",
            BookConnection,
            many("unsorted_id", description=""),
            NO_INDEX.format("unsorted_id"),
        ),
        fault(
            "index over an expression",
            BookConnection,
            many("folded_id", description=""),
            NO_INDEX.format("folded_id"),
        ),
        fault(
            "index of through",
            list[Shelf],
            through(
                LinkRow, "slow_id", targets={"shelf_id": "Shelf"}, order="place", description=""
            ),
            "links has no index that begins with (namespace_id, slow_id)",
        ),
    ],
)
def test_refuses_a_list_without_an_index(kind: Any, declared: Any, problem: str) -> None:
    assert problem_of(kind, declared) == problem


@pytest.mark.parametrize(
    ("kind", "declared", "problem"),
    [
        fault(
            "computed that is never null",
            str,
            computed(str, needs={"title": lambda row: row.title}, description=""),
            "is null where computing fails, so its type cannot end in !",
        ),
        fault(
            "computed without needs",
            str | None,
            computed(str, needs={}, description=""),
            "needs nothing of its row, so each row would have the same; name what it needs",
        ),
        fault(
            "computed from an unknown column",
            str | None,
            computed(str, needs={"name": lambda row: row.name}, description=""),
            "the need name cannot be built over shelves: AttributeError: name",
        ),
        fault(
            "computed objects of an entity",
            list[Book] | None,
            computed(str, needs={"title": lambda row: row.title}, description=""),
            "makes objects in Python, and Book is read from rows",
        ),
        fault(
            "computed objects with a planned field",
            MadeOf[PlannedPart] | None,
            computed(str, needs={"title": lambda row: row.title}, description=""),
            "makes objects in Python, so PlannedPart.books has to be a plain field",
        ),
        fault(
            "computed objects with a resolver",
            MadeOf[ResolvedPart] | None,
            computed(str, needs={"title": lambda row: row.title}, description=""),
            "makes objects in Python, so ResolvedPart.length has to be a plain field",
        ),
        fault(
            "computed objects of several types",
            MadeOf[Node] | None,
            computed(str, needs={"title": lambda row: row.title}, description=""),
            "makes objects in Python, and nothing tells which Node is made",
        ),
    ],
)
def test_refuses_a_computed_field(kind: Any, declared: Any, problem: str) -> None:
    assert problem_of(kind, declared) == problem


@pytest.mark.parametrize(
    ("kind", "declared", "problem"),
    [
        fault(
            "no column",
            str,
            strawberry.field(description=""),
            "shelves has no column field, nor field_id to name another row; declare where it comes"
            " from",
        ),
        fault(
            "no relation",
            Shelf,
            strawberry.field(description=""),
            "shelves has no column field, nor field_id to name another row; declare where it comes"
            " from",
        ),
        fault(
            "unknown column",
            str,
            column("name", description=""),
            "shelves has no column name, nor name_id to name another row; declare where it comes"
            " from",
        ),
        fault(
            "unknown column of one",
            Shelf | None,
            one("name_id", description=""),
            "shelves has no column name_id",
        ),
        fault(
            "unknown column of a predicate",
            Shelf | None,
            one(on=lambda shelf, row, _: shelf.id == row.name, description=""),
            "the predicate `on` cannot be built over shelves: AttributeError: name",
        ),
        fault(
            "unknown column of an expression",
            str | None,
            sql(lambda row: row["name"], description=""),
            "the expression cannot be built over shelves: KeyError: 'name'",
        ),
        fault(
            "parameter in an expression",
            str | None,
            sql(lambda row: row.note.concat(bindparam("end", type_=Text())), description=""),
            "the expression cannot be built over shelves: TypeError: nothing gives the parameter"
            " end a value",
        ),
        fault(
            "unknown column of listed",
            list[Book],
            listed("name_id", order="place", description=""),
            "books has no column name_id",
        ),
        fault(
            "unknown column of a trail",
            list[Book],
            trailing("name_id", order="id"),
            "books has no column name_id",
        ),
        fault(
            "unknown order of listed",
            list[Book],
            listed("shelf_id", order="name", description=""),
            "books has no column name",
        ),
        fault(
            "unknown order of through",
            list[Shelf | None],
            through(
                LinkRow, "shelf_id", targets={"other_id": "Shelf"}, order="name", description=""
            ),
            "links has no column name",
        ),
        fault(
            "unknown column of through",
            list[Shelf],
            through(LinkRow, "shelf_id", targets={"name": "Shelf"}, order="place", description=""),
            "links has no column name",
        ),
        fault(
            "unknown column of a list's predicate",
            BookConnection,
            many("shelf_id", where=lambda book: book.name == "", description=""),
            "the predicate `where` cannot be built over books: AttributeError: name",
        ),
        fault(
            "unknown column of a flag",
            BookConnection,
            many(
                "shelf_id",
                flags={"own": (lambda book, shelf: book.place == shelf.name, "Own.")},
                description="",
            ),
            "the predicate of own cannot be built over shelves: AttributeError: name",
        ),
        fault(
            "a tally that cannot be built",
            BookConnection,
            many("shelf_id", tallied=lambda shelf: shelf.books, description=""),
            "the tally cannot be built over shelves: AttributeError: books",
        ),
        fault(
            "a tally of more than is listed",
            BookConnection,
            many(
                "shelf_id",
                where=lambda book: book.id != "",
                tallied=lambda shelf: shelf.id,
                description="",
            ),
            "has a tally, which counts what `where` leaves out as well",
        ),
        fault(
            "unknown column of records",
            list[Label],
            unnested("name", description=""),
            "shelves has no column name",
        ),
        fault(
            "records that are not jsonb",
            list[Label],
            unnested("json", description=""),
            "shelves.json has to be jsonb to be unnested; it is JSON",
        ),
        fault(
            "records of no known keys",
            list[Writing],
            unnested("labels", description=""),
            "Writing has to be declared with `record`, to tell the types of its keys",
        ),
        fault(
            "unknown column of any_node",
            Node | None,
            any_node("name", types=("Shelf",), description=""),
            "shelves has no column name",
        ),
    ],
)
def test_refuses_what_a_row_does_not_have(kind: Any, declared: Any, problem: str) -> None:
    assert problem_of(kind, declared) == problem


@pytest.mark.parametrize(
    ("kind", "declared", "problem"),
    [
        fault(
            "object over a column",
            Label | None,
            column("labels", description=""),
            "`column` gives a value, and the type is one object",
        ),
        fault(
            "value of a relation",
            str | None,
            one("above_id", description=""),
            "`one` gives one object, and the type is a value",
        ),
        fault(
            "connection over a plain list",
            BookConnection,
            listed("shelf_id", order="place", description=""),
            "`listed` gives a list of objects, and the type is a connection",
        ),
        fault(
            "plain list over a connection",
            list[Book],
            many("shelf_id", description=""),
            "`many` gives a connection, and the type is a list of objects",
        ),
        fault(
            "interface over one type",
            Node | None,
            one("above_id", description=""),
            "`one` gives one type, and the type is Shelf or Book or Owner",
        ),
        fault(
            "type that is not in the interface",
            Node | None,
            either({"left_id": "Shelf", "right_id": "Label"}, description=""),
            "leads to Label, and the type is Shelf or Book or Owner",
        ),
        fault(
            "relation to what is no entity",
            Label | None,
            one("above_id", description=""),
            "Label is no entity: it has no table to be read from",
        ),
        fault(
            "ancestors of another kind",
            list[Book],
            ancestors("right_id", description=""),
            "Book is not read from shelves: a row's ancestors are alike",
        ),
        fault(
            "members of nothing",
            list[Writing],
            members(order=("id",), description=""),
            "lists the rows of a `derived` object, and is not in one",
        ),
    ],
)
def test_refuses_a_type_that_does_not_fit(kind: Any, declared: Any, problem: str) -> None:
    assert problem_of(kind, declared) == problem


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        pytest.param(str, column("title", description=""), id="column that is not null"),
        pytest.param(
            str, sql(lambda row: func.upper(row.note), description=""), id="any expression"
        ),
        pytest.param(
            list[Node],
            through(
                LinkRow,
                "shelf_id",
                targets={"other_id": "Shelf", "book_id": "Book"},
                order="place",
                description="",
            ),
            id="columns of which a CHECK says that one is set",
        ),
        pytest.param(Shelf, one("id", description=""), id="the row itself"),
        pytest.param(Owner | None, one("hidden_id", description=""), id="what a scope hides"),
        pytest.param(list[Label], unnested("labels", description=""), id="records of jsonb"),
        pytest.param(list[Shelf], ancestors("above_id", description=""), id="ancestors"),
        pytest.param(BookConnection, many(description=""), id="all rows of another table"),
    ],
)
def test_takes(kind: Any, declared: Any) -> None:
    assert problems(bad(kind, declared), Shelf, Book, Owner) == []

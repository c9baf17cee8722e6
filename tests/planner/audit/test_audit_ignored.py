"""What would never run below a root is refused at the start."""

# Without postponed annotations: Strawberry looks for their names in the module, not in a test.

from typing import Any

import pytest
import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.types.field import StrawberryField

from gateway.planner.declare import entity, many, one
from gateway.planner.node import PageInfo
from gateway.planner.rows import row

from .planted import Book, BookConnection, Shelf, ShelfRow, bad, problems

NEVER_RUNS = "has a resolver, which would never run; make the value with `sql` or `computed`"


class Guard(BasePermission):
    message = "No."

    def has_permission(self, *_: Any, **__: Any) -> bool:
        return False


class Twice(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        return 2 * next_(source, info, **kwargs)


class Shouting(StrawberryField):
    def get_result(self, *_: Any) -> Any:
        return "!"


def test_refuses_a_resolver() -> None:
    @entity(ShelfRow, description="Bad.")
    class Bad:
        @strawberry.field
        def title(self) -> str:
            return "?"

    assert problems(Bad) == [f"Bad.title: {NEVER_RUNS}"]


def test_refuses_a_deprecated_resolver_in_place_of_a_field_that_is_read() -> None:
    @entity(ShelfRow, "bad", description="Bad.")
    class Bad(Shelf):
        @strawberry.field(deprecation_reason="Use note.")
        def title(self) -> str:
            return "?"

    assert problems(Bad) == [f"Bad.title: {NEVER_RUNS}"]


def test_refuses_a_resolver_in_a_connection() -> None:
    @strawberry.type
    class BadConnection:
        nodes: list[Book]
        page_info: PageInfo

        @strawberry.field
        def total_count(self) -> int:
            return 7

    answer = problems(bad(BadConnection, many("shelf_id", description="")))

    assert answer == [f"BadConnection.totalCount: {NEVER_RUNS}"]


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        pytest.param(
            strawberry.field(permission_classes=[Guard]),
            "has permission_classes, which would never be asked; put them on the root fields, or"
            " give the entity a scope",
            id="permission",
        ),
        pytest.param(
            strawberry.field(extensions=[Twice()]),
            "has extensions, which would never run; put them on the root fields",
            id="extension",
        ),
        pytest.param(Shouting(), NEVER_RUNS, id="class of field"),
    ],
)
def test_refuses_a_field_of_a_row_with(declared: Any, problem: str) -> None:
    @entity(ShelfRow, description="Bad.")
    class Bad:
        title: str = declared

    assert problems(Bad) == [f"Bad.title: {problem}"]


def test_takes_all_of_them_at_a_root() -> None:
    @strawberry.type
    class Guarded:
        books: BookConnection = many(description="All books.")

        @strawberry.field(permission_classes=[Guard], extensions=[Twice()])
        def shelf(self, id: strawberry.ID) -> Shelf | None:
            found: Shelf | None = row(id=id)
            return found

    assert problems(query=Guarded) == []


def test_refuses_a_resolver_at_a_root_that_lists_rows_without_it() -> None:
    @strawberry.type
    class Bad:
        @many(description="All books.")
        def books(self) -> BookConnection:
            raise NotImplementedError

    assert problems(query=Bad) == [f"Bad.books: {NEVER_RUNS}"]


def test_refuses_a_list_at_a_root_of_what_names_a_row() -> None:
    @strawberry.type
    class Bad:
        books: BookConnection = many("shelf_id", description="Of which shelf?")

    assert problems(query=Bad) == [
        "Bad.books: lists all rows at a root: a column, flags and a tally, which go by a row, do"
        " nothing"
    ]


def test_refuses_at_a_root_what_is_read_from_a_row() -> None:
    @strawberry.type
    class Bad:
        shelf: Shelf | None = one("id", description="A shelf.")

    assert problems(query=Bad) == [
        "Bad.shelf: `one` cannot stand at a root: return rows, or declare `many` or `derived`"
    ]

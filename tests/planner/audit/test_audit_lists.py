"""The start-up audit of connections, and of their filters and orders."""

# Without postponed annotations: Strawberry looks for their names in the module, not in a test.

from enum import Enum
from typing import Any

import pytest
import strawberry

from gateway.planner.declare import Listing, many
from gateway.planner.filter_inputs import (
    DateTimeFilter,
    IdFilter,
    PathFilter,
    StatusFilter,
    StringFilter,
)
from gateway.planner.node import PageInfo, StatusCount

from .planted import Book, Shelf, problems


def listed_by(
    filters: dict[str, Any], order: dict[str, Any] | None = None, *, of: Any = Shelf
) -> list[str]:
    """Return the problems of a list with the fields of these inputs."""
    # "not" is a name in GraphQL, and none in Python.
    fields = {f"{name}_": strawberry.field(name=name, default=None) for name in filters}
    kinds = {f"{name}_": kind | None for name, kind in filters.items()}
    narrowed = type("Which", (), {"__annotations__": kinds, **fields})
    ordered = type("By", (), {"__annotations__": order or {"field": sorts("TITLE")}})

    @strawberry.type
    class Page:
        nodes: list[of]
        page_info: PageInfo

    @strawberry.type
    class Lists:
        page: Page = many(
            listing=Listing(strawberry.input(narrowed), strawberry.input(ordered)), description=""
        )

    return problems(query=Lists)


def sorts(*names: str, **columns: str) -> Any:
    made = Enum("Sort", {name: name for name in names} | columns)  # type: ignore[misc]  # at run time
    return strawberry.enum(made)


@pytest.mark.parametrize(
    ("filters", "problem"),
    [
        ({"name": StringFilter}, "name: shelves has no column name"),
        (
            {"height": StringFilter},
            "height: StringFilter compares with Text, and shelves.height is INTEGER",
        ),
        ({"title": IdFilter}, "title: IdFilter compares with IdText, and shelves.title is TEXT"),
        (
            {"height": StatusFilter},
            "height: StatusFilter compares with Text, and shelves.height is INTEGER",
        ),
        (
            {"note": DateTimeFilter},
            "note: DateTimeFilter compares with DateTime, and shelves.note is TEXT",
        ),
        (
            {"note": PathFilter},
            "note: PathFilter compares no column; those that do: IdFilter, StringFilter,"
            " StatusFilter, DateTimeFilter",
        ),
        (
            {"metadata": StringFilter},
            "metadata: looks into metadata, so it has to be made of PathFilter: StringFilter",
        ),
        (
            {"not": StringFilter},
            "not: combines filters of this list, so it has to be made of Which",
        ),
    ],
    ids=lambda given: None if isinstance(given, str) else next(iter(given)),
)
def test_refuses_a_filter(filters: dict[str, Any], problem: str) -> None:
    assert listed_by(filters) == [f"Which.{problem}"]


NO_KEY = "lists are sorted by texts, and by moments that are NOT NULL and whose names end in _at"


@pytest.mark.parametrize(
    ("sort", "problem"),
    [
        ("NAME", "shelves has no column name"),
        ("HEIGHT", f"shelves.height is INTEGER; {NO_KEY}"),
        ("MOVED_AT", f"shelves.moved_at is DATETIME; {NO_KEY}"),
        ("LOOKS_AT", f"shelves.looks_at is TEXT; {NO_KEY}"),
        ("METADATA", "needs a field metadataPath in By"),
    ],
)
def test_refuses_an_order(sort: str, problem: str) -> None:
    assert listed_by({"title": StringFilter}, {"field": sorts(sort)}) == [f"Sort.{sort}: {problem}"]


def test_refuses_an_order_of_any_column() -> None:
    assert listed_by({"title": StringFilter}, {"field": str}) == [
        "By.field: names what to sort by, so it has to be an enum: String"
    ]


def test_refuses_to_look_into_metadata_where_there_are_none() -> None:
    order = {"field": sorts("METADATA"), "metadata_path": str}

    assert listed_by({"metadata": list[PathFilter]}, order, of=Book) == [
        "Which.metadata: books has no column metadata of type jsonb",
        "Sort.METADATA: books has no column metadata of type jsonb",
    ]


def test_takes_filters_and_orders_that_fit() -> None:
    filters = {
        "aboveId": IdFilter,
        "title": StringFilter,
        "note": StatusFilter,
        "builtAt": DateTimeFilter,
        "metadata": list[PathFilter],
    }
    sort = sorts("NOTE", "BUILT_AT", "METADATA", BY_NAME="TITLE")

    assert listed_by(filters, {"field": sort, "metadata_path": str}) == []


def test_refuses_parts_that_a_connection_does_not_have() -> None:
    @strawberry.type
    class Edge:
        cursor: str
        node: Shelf
        weight: int

    @strawberry.type
    class Page:
        nodes: list[Book]
        edges: list[Edge]
        page_info: PageInfo
        status_counts: list[StatusCount]
        total_size: int

    @strawberry.type
    class Lists:
        page: Page = many(description="")

    assert problems(query=Lists) == [
        "Page.statusCounts: books has no column status",
        "Page.totalSize: is no part of a connection; here, these are: nodes, edges, pageInfo,"
        " totalCount, statusCounts",
        "Edge.node: has to be of the same type as nodes: Book",
        "Edge.weight: is no part of a connection; here, these are: cursor, node",
    ]

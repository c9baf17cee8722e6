"""Tables and types that a fault is planted among, and what the audit says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import strawberry
from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB
from strawberry.schema.config import StrawberryConfig

from gateway.database.base import IdText
from gateway.planner.audit.auditor import WrongDeclarations
from gateway.planner.declare import embedded_type, entity, record
from gateway.planner.node import Node, PageInfo
from gateway.scalars import SCALARS
from gateway.schema import GatewaySchema


def rows(name: str, *items: Any) -> type:
    """Return the row of a table; not of the gateway's own, whose tables are all migrated."""
    return type(name, (), {"__table__": Table(name, MetaData(), *items)})


def ids(*names: str) -> list[Column[str]]:
    """Return the columns of a primary key."""
    return [Column(name, IdText, primary_key=True) for name in names]


def named(column: str, table: str) -> ForeignKeyConstraint:
    """Return the foreign key of a column that names a row of a table."""
    return ForeignKeyConstraint(
        ["namespace_id", column], [f"{table}.namespace_id", f"{table}.id"], name=f"fk_{column}"
    )


def index(*columns: Any, **how: Any) -> Index:
    return Index(f"ix_{columns[0]}", "namespace_id", *columns, **how)


ShelfRow = rows(
    "shelves",
    *ids("namespace_id", "id"),
    Column("title", Text, nullable=False),
    Column("note", Text),
    Column("height", Integer, nullable=False),
    Column("metadata", JSONB),
    Column("labels", JSONB),
    Column("json", JSON),
    Column("built_at", DateTime(timezone=True), nullable=False),
    Column("moved_at", DateTime(timezone=True)),
    Column("looks_at", Text),
    Column("above_id", IdText),
    Column("left_id", IdText),
    Column("right_id", IdText),
    Column("friend_id", IdText),
    Column("hidden_id", IdText, nullable=False),
    named("above_id", "shelves"),
    named("left_id", "shelves"),
    named("right_id", "books"),
    ForeignKeyConstraint(["hidden_id"], ["owners.id"]),
)
_folded = Column("folded_id", IdText)
BookRow = rows(
    "books",
    *ids("namespace_id", "id"),
    Column("place", Integer),
    *[
        Column(f"{each}_id", IdText)
        for each in ("shelf", "slow", "short", "loose", "partial", "unsorted")
    ],
    _folded,
    *[
        named(f"{each}_id", "shelves")
        for each in ("shelf", "slow", "short", "partial", "unsorted", "folded")
    ],
    index("shelf_id", "id"),
    index("short_id"),
    index("loose_id", "id"),
    index("partial_id", "id", postgresql_where=text("place > 0")),
    index("unsorted_id", "id", postgresql_using="brin"),
    Index("ix_folded_id", "namespace_id", func.lower(_folded), "id"),
)
LinkRow = rows(
    "links",
    *ids("namespace_id", "shelf_id"),
    Column("place", Integer, primary_key=True),
    *[Column(f"{each}_id", IdText) for each in ("slow", "loose", "other", "book")],
    *[named(f"{each}_id", "shelves") for each in ("shelf", "slow", "other")],
    named("book_id", "books"),
    CheckConstraint("num_nonnulls(book_id, other_id) = 1"),
)
OwnerRow = rows("owners", *ids("id"))


@entity(ShelfRow, "shelf", description="A shelf.")
class Shelf(Node):
    title: str = strawberry.field(description="What is written on it.")


@entity(BookRow, "book", description="A book.")
class Book(Node):
    place: int | None = strawberry.field(description="Its place on the shelf.")


@entity(OwnerRow, "owner", scope=lambda row, caller: row.id == caller.key_id, description="A key.")
class Owner(Node):
    pass


@record("What is stuck to a shelf.", word=Text())
class Label:
    word: str = strawberry.field(description="What it says.")


@embedded_type("What is written on a shelf.")
class Writing:
    note: str | None = strawberry.field(description="In pencil.")


@strawberry.type
class BookEdge:
    cursor: str
    node: Book


@strawberry.type
class BookConnection:
    nodes: list[Book]
    edges: list[BookEdge]
    page_info: PageInfo
    total_count: int


@strawberry.type
class Query:
    @strawberry.field
    def shelf(self) -> Shelf | None:
        return None


def bad(kind: Any, declared: Any, decorate: Callable[[type], type] | None = None) -> type:
    """Return a type ``Bad`` with a ``field``, read from shelves or as ``decorate`` says."""
    made = type("Bad", (), {"__annotations__": {"field": kind}, "field": declared})
    return (decorate or entity(ShelfRow, description="Bad."))(made)


def problems(*types: type, query: type = Query) -> list[str]:
    """Return what making a schema with these types is refused for."""
    try:
        GatewaySchema(query=query, types=types, config=StrawberryConfig(scalar_map=SCALARS))
    except WrongDeclarations as error:
        return list(error.problems)
    return []

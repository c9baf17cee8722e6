"""How SQL spells JSON: text, put together from fixed pieces and from expressions.

Text concatenation builds lists in 0.63 to 0.87 of the time of json_build_object, and knows no limit
of 50 fields (PostgreSQL refuses calls with over 100 arguments) nor of 63 bytes in an alias.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    SQLColumnExpression,
    Text,
    cast,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.types import TypeEngine

from gateway.database.base import IdText

Piece = str | ColumnElement[Any]

# Their text in SQL is their text in JSON.
_VERBATIM = (Boolean, Integer, JSON)


@dataclass(frozen=True, slots=True)
class Json:
    """JSON as pieces: text as it is, and expressions that give text."""

    pieces: tuple[Piece, ...]

    @property
    def sql(self) -> ColumnElement[str]:
        """The JSON as one expression of type text."""
        parts: list[ColumnElement[Any]] = []
        text = ""
        for piece in self.pieces:
            if isinstance(piece, str):
                text += piece
                continue
            parts += [_quoted(text), piece] if text else [piece]
            text = ""
        if text:
            parts.append(_quoted(text))
        return reduce(lambda left, right: left.concat(right), parts)

    @property
    def typed_sql(self) -> ColumnElement[str]:
        """The same for functions that take any type, of which a lone literal has none."""
        is_literal = all(isinstance(piece, str) for piece in self.pieces)
        return cast(self.sql, Text) if is_literal else self.sql


def _quoted(text: str) -> ColumnElement[str]:
    return literal_column("'" + text.replace("'", "''") + "'", Text)


def fixed(text: str) -> Json:
    """Return a piece of JSON made of the schema's or the document's names, never of a value."""
    return Json((text,))


NULL = fixed("null")


def joined(parts: Iterable[Json]) -> Json:
    """Return the parts, one after the other."""
    return Json(tuple(piece for part in parts for piece in part.pieces))


def constant(word: str) -> Json:
    """Return a string of the schema, such as a type's name."""
    return fixed(f'"{word}"')


def scalar(value: ColumnElement[Any], *, nullable: bool = True) -> Json:
    """Return a column's or expression's value."""
    kind: TypeEngine[Any] = value.type
    if isinstance(kind, _VERBATIM):
        text = Json((cast(value, Text),))
    elif isinstance(kind, IdText):
        text = Json(('"', value, '"'))
    else:
        text = Json((cast(func.to_json(value), Text),))
    return or_null(text.sql) if nullable else text


def or_null(value: ColumnElement[Any]) -> Json:
    """Return the JSON that an expression gives, JSON's null where it gives SQL's."""
    return Json((func.coalesce(value, _quoted("null"), type_=Text),))


def object_of(pairs: Sequence[tuple[str, Json]]) -> Json:
    """Return an object; its keys are names in GraphQL, so letters, digits and _ only."""
    parts = [
        joined([fixed(("," if index else "") + f'"{key}":'), value])
        for index, (key, value) in enumerate(pairs)
    ]
    return joined([fixed("{"), *parts, fixed("}")])


def array_of(item: Json, *order: SQLColumnExpression[Any]) -> Json:
    """Return the aggregate of a query's rows as a list, ``[]`` for none."""
    separator: Any = aggregate_order_by(_quoted(","), *order) if order else _quoted(",")
    return bracketed(func.string_agg(item.sql, separator, type_=Text))


def list_of_one(item: Json) -> Json:
    """Return a list of the one item."""
    return joined([fixed("["), item, fixed("]")])


def bracketed(items: ColumnElement[Any]) -> Json:
    """Return comma-separated items as a list, ``[]`` where SQL has none."""
    return Json(("[", func.coalesce(items, _quoted(""), type_=Text), "]"))


def of_row(query: Select[Any]) -> Json:
    """Return the one value of a query, null where it has no row."""
    return or_null(query.scalar_subquery())


def of_aggregate(query: Select[Any]) -> Json:
    """Return the one value of a query that always has a row."""
    return Json((query.scalar_subquery(),))

"""What concepts declare, as SQL: SQLAlchemy compiles it once, each statement puts its rows in."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Boolean, ColumnElement, Text, column, literal_column, table
from sqlalchemy.sql.base import WriteableColumnCollection
from sqlalchemy.sql.elements import BindParameter, quoted_name
from sqlalchemy.sql.operators import and_, concat_op
from sqlalchemy.sql.visitors import iterate

from gateway.database.base import IdText
from gateway.database.statements import DIALECT
from gateway.planner import sources
from gateway.planner.built import Getter
from gateway.planner.sql import Expression, Relation, Row

# The first parameters of each statement; those that it does not need are left out in the end.
CALLER = sources.CallerBinds(
    literal_column("$1::text", IdText()),
    literal_column("$2::text", IdText()),
    literal_column("$3::text[]", ARRAY(Text)),
)
CALLER_GETTERS: tuple[Getter, ...] = (
    lambda inputs: inputs.caller.namespace_id,
    lambda inputs: inputs.caller.key_id,
    lambda inputs: None if inputs.caller.namespaces is None else sorted(inputs.caller.namespaces),
)
NAMESPACE = Expression("$1::text", IdText(), nullable=False)

# Stands for a row's name in a text that is made for any such row. PostgreSQL takes no NUL, so
# nothing else has one.
_PLACES = ("\0a", "\0b")


def declared(build: Callable[..., Any], *rows: Row, for_caller: bool = False) -> Expression:
    """Return a declared expression or predicate over rows; ``for_caller``: and over the caller."""
    made = _made(build, tuple((row.relation, row.is_readable) for row in rows), for_caller)
    text = made.sql
    for place, row in zip(_PLACES, rows, strict=False):
        text = text.replace(place, row.name)
    return Expression(text, made.kind)


@cache
def _made(
    build: Callable[..., Any], relations: tuple[tuple[Relation, bool], ...], for_caller: bool
) -> Expression:
    rows = [
        _readable(relation, place) if is_readable else _known(relation, place)
        for (relation, is_readable), place in zip(relations, _PLACES, strict=False)
    ]
    expression: ColumnElement[Any] = build(*rows, *[CALLER] * for_caller)
    return Expression(text_of(expression), expression.type)


def text_of(expression: ColumnElement[Any]) -> str:
    """Return a declared expression as an operand of AND, a predicate, or of ``||``, anything else.

    The values in it are the schema's own, and are written out.

    Raises:
        TypeError: it has a parameter, for which nothing would give a value.
    """
    for part in iterate(expression):
        if isinstance(part, BindParameter) and part.required:
            raise TypeError(f"nothing gives the parameter {part.key} a value")
    is_predicate = isinstance(expression.type, Boolean)
    operand = expression.self_group(against=and_ if is_predicate else concat_op)
    return str(operand.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))


def _known(relation: Relation, place: str) -> sources.Columns:
    """Return the columns of a row that the statement is at: no query over them reads it again."""
    columns = [
        (name, literal_column(f"{place}.{of.sql}", of.kind))
        for name, of in relation.columns.items()
    ]
    return WriteableColumnCollection(columns).as_readonly()


def _readable(relation: Relation, place: str) -> sources.Columns:
    """Return the columns of rows that queries over them read by their name."""
    columns: list[Any] = [column(name, of.kind) for name, of in relation.columns.items()]
    return table(quoted_name(place, quote=False), *columns).c

"""Many rows in one statement: each column goes as one array, and PostgreSQL puts them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, bindparam, column, func
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

Columns = dict[str, TypeEngine[Any]]


def columns_of(*attributes: InstrumentedAttribute[Any]) -> Columns:
    """Return the names and the types of a table's columns, as they are in the database."""
    return {each.expression.name: each.type for each in attributes}


def rows_of(name: str, columns: Columns) -> Any:
    """Return a table of the rows that ``arrays`` binds under the same name."""
    parameters = [bindparam(f"{name}_{key}", type_=ARRAY(kind)) for key, kind in columns.items()]
    return (
        func.unnest(*parameters)
        .table_valued(*(column(key, kind) for key, kind in columns.items()), name=name)
        .render_derived()
    )


def arrays(
    name: str, columns: Iterable[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, list[Any]]:
    """Return the values to bind for ``rows_of``."""
    return {f"{name}_{key}": [row[key] for row in rows] for key in columns}

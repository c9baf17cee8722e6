"""What tables promise, as their declarations say it: foreign keys, indexes, what is never null."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

NAMESPACE = "namespace_id"

_HOW_MANY_SET = re.compile(r"num_nonnulls\(([\w\s,]+)\)\s*(?:=|>=)\s*1")


def in_namespace(table: Table, *columns: str) -> tuple[str, ...]:
    """Return columns of a key, behind the namespace where the table has one."""
    return (NAMESPACE, *columns) if NAMESPACE in table.c else columns


def has_foreign_key(table: Table, column: str, target: Table) -> bool:
    """Tell whether a column's value is the id of a row of ``target``, in the same namespace."""
    wanted = {
        column if name == "id" else name: f"{target.fullname}.{name}"
        for name in in_namespace(target, "id")
    }
    return any(
        {element.parent.name: element.target_fullname for element in key.elements} == wanted
        for key in table.foreign_key_constraints
    )


def has_index(table: Table, *columns: str) -> bool:
    """Tell whether an index over all rows begins with these columns, in this order."""
    return any(index[: len(columns)] == columns for index in _indexes(table))


def _indexes(table: Table) -> Iterator[tuple[str | None, ...]]:
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield tuple(column.name for column in constraint.columns)
    for index in table.indexes:
        options = index.dialect_options["postgresql"]
        if options["where"] is None and options["using"] in (False, "btree"):
            # An expression has no name, and is no column that rows could be looked up by.
            yield tuple(getattr(each, "name", None) for each in index.expressions)


def one_is_set(table: Table, columns: Iterable[str]) -> bool:
    """Tell whether at least one of these columns has a value in each row.

    That is so where one of them is NOT NULL, or a CHECK says `num_nonnulls(…) = 1` of them.
    """
    names = set(columns)
    return any(not table.c[name].nullable for name in names) or any(
        set(re.split(r"\s*,\s*", found.group(1).strip())) <= names
        for check in table.constraints
        if isinstance(check, CheckConstraint)
        and (found := _HOW_MANY_SET.fullmatch(str(check.sqltext).strip()))
    )

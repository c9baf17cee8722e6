"""Filters: coerced GraphQL input -> predicates whose values are parameters.

A filter means what it says, also where there is no value: `ne` and `nin` are the opposites of `eq`
and `in`, `not` takes what its filter leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from gateway.errors import BadUserInput
from gateway.planner.built import Inputs, Parameter
from gateway.planner.json_paths import parse_path
from gateway.planner.sql import TEXT, TEXTS, Expression, Row, all_of, any_of

DEEPEST = 10
MOST_LISTED = 1000

_JSON = JSONB()
_NUMBER: TypeEngine[Any] = Numeric()

Convert = Callable[[Any], Any]
Path = tuple[str | int, ...]


class FilterBuilder:
    """Builds the predicate of one connection's argument ``filter``."""

    def __init__(self, slot: int, row: Row, parameter: Parameter) -> None:
        self._slot = slot
        self._row = row
        self._parameter = parameter

    def build(self, given: Mapping[str, Any]) -> Expression:
        """Return the predicate of a filter; its values are read anew at each execution."""
        return self._all(given, ("filter",))

    def _all(self, given: Mapping[str, Any], path: Path) -> Expression:
        if len(path) > 2 * DEEPEST:
            raise BadUserInput(f"filter is nested deeper than {DEEPEST}")
        return all_of(self._part(name, value, (*path, name)) for name, value in given.items())

    def _part(self, name: str, value: Any, path: Path) -> object:
        if value is None:
            raise BadUserInput(f"{_written(path)} is null; leave it out, or use isNull")
        if name == "and":
            return all_of(self._all(each, (*path, i)) for i, each in enumerate(value))
        if name == "or":
            return any_of(self._all(each, (*path, i)) for i, each in enumerate(value))
        if name == "not":
            return _negated(self._all(value, path))
        if name == "metadata":
            return all_of(self._on_path(each, (*path, i)) for i, each in enumerate(value))
        return self._on_column(self._row[_snake(name)], value, path)

    # ---- columns ------------------------------------------------------------------------------

    def _on_column(self, column: Expression, given: Mapping[str, Any], path: Path) -> object:
        folded = given.get("caseSensitive") is False
        subject = column
        if folded:  # collation C, in which names are kept, knows the capitals of ASCII only
            subject = Expression(f'lower({column} COLLATE "default")', column.kind)
        parts: list[str] = []
        for name, value in given.items():
            if name == "caseSensitive":
                continue
            here = (*path, name)
            if value is None:
                raise BadUserInput(f"{_written(here)} is null; leave it out, or use isNull")
            if name == "isNull":
                parts.append(f"{column} IS NULL" if value else f"{column} IS NOT NULL")
            else:
                parts.append(self._compare(subject, name, here, folded))
        return all_of(parts)

    def _compare(self, subject: Expression, name: str, path: Path, folded: bool) -> str:
        kind = TEXT if isinstance(subject.kind, Text) else subject.kind
        if name in ("in", "nin"):
            listed = self._value(path, _listed(kind), _list_checker(path))
            # PostgreSQL folds both sides, so that they are folded alike.
            found = (
                f"{subject} IN (SELECT lower(unnest({listed})))"
                if folded
                else f"{subject} = ANY ({listed})"
            )
            return found if name == "in" else _negated(found)
        value = self._value(path, kind)
        return _OPERATORS[name](subject, f"lower({value})" if folded else value)

    # ---- metadata -----------------------------------------------------------------------------

    def _on_path(self, given: Mapping[str, Any], path: Path) -> object:
        keys = self._value((*path, "path"), TEXTS, parse_path)
        found = f"({self._row['metadata']} #> {keys})"
        parts = []
        for name, value in given.items():
            if name == "path":
                continue
            here = (*path, name)
            if value is None:
                raise BadUserInput(f"{_written(here)} is null; use isNull")
            parts.append(self._compare_json(found, name, value, here))
        if not parts:
            raise BadUserInput(f"{_written(path)} has a path and nothing to compare it with")
        return all_of(parts)

    def _compare_json(self, found: str, name: str, value: Any, path: Path) -> str:
        text = f"CASE WHEN {_is_a(found, 'string')} THEN {found} #>> '{{}}' END"
        match name:
            case "exists":
                return f"{found} IS NOT NULL" if value else f"{found} IS NULL"
            case "isNull":
                is_null = f"coalesce({_is_a(found, 'null')}, true)"
                return is_null if value else f"NOT {is_null}"
            case "in" | "nin":
                # One JSON array: an array of jsonb would take lists in it for dimensions.
                listed = self._value(path, _JSON, _list_checker(path))
                inside = f"{found} IN (SELECT jsonb_array_elements({listed}))"
                return inside if name == "in" else _negated(inside)
            case "eq" | "ne":
                return _OPERATORS[name](found, self._value(path, _JSON))
            case "contains" | "startsWith" | "endsWith":
                return _OPERATORS[name](text, self._value(path, TEXT))
        if isinstance(value, str):
            return _OPERATORS[name](f'({text}) COLLATE "C"', self._value(path, TEXT))
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = f"CASE WHEN {_is_a(found, 'number')} THEN CAST({found} AS numeric) END"
            return _OPERATORS[name](number, self._value(path, _NUMBER, _exactly))
        raise BadUserInput(f"{_written(path)} has to be a text or a number")

    # ---- values -------------------------------------------------------------------------------

    def _value(
        self, path: Path, kind: TypeEngine[Any], convert: Convert | None = None
    ) -> Expression:
        slot = self._slot

        def value(inputs: Inputs) -> Any:
            found: Any = inputs.arguments[slot]
            for step in path:
                found = found[step]
            return found if convert is None else convert(found)

        return self._parameter(value, kind)


@cache
def _listed(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return ARRAY(kind)


def _negated(predicate: object) -> str:
    """Return the opposite: where SQL answers neither yes nor no, it is not the case."""
    return f"NOT coalesce({predicate}, false)"


def _is_a(found: str, kind: str) -> str:
    return f"jsonb_typeof({found}) = '{kind}'"


_OPERATORS: dict[str, Callable[[object, object], str]] = {
    "eq": lambda subject, value: f"{subject} = {value}",
    "ne": lambda subject, value: f"{subject} IS DISTINCT FROM {value}",
    "gt": lambda subject, value: f"{subject} > {value}",
    "gte": lambda subject, value: f"{subject} >= {value}",
    "lt": lambda subject, value: f"{subject} < {value}",
    "lte": lambda subject, value: f"{subject} <= {value}",
    # None of these takes % or _ for anything but themselves.
    "contains": lambda subject, value: f"strpos({subject}, {value}) > 0",
    "startsWith": lambda subject, value: f"starts_with({subject}, {value})",
    "endsWith": lambda subject, value: f"right({subject}, length({value})) = {value}",
}


def _exactly(number: float) -> Decimal:
    """Return the number that was written: 0.1 as a Decimal is not 0.1 as a double."""
    return Decimal(str(number))


def _list_checker(path: Path) -> Convert:
    def check(values: list[Any]) -> list[Any]:
        if len(values) > MOST_LISTED:
            raise BadUserInput(
                f"{_written(path)} has {len(values)} entries; the most is {MOST_LISTED}"
            )
        return values

    return check


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)


def _written(path: Path) -> str:
    return ".".join(str(step) for step in path)

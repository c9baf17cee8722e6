"""Filters: coerced GraphQL input -> predicates whose values are parameters.

A filter means what it says, also where there is no value: `ne` and `nin` are the opposites of `eq`
and `in`, `not` takes what its filter leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Numeric,
    Text,
    and_,
    any_,
    case,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from gateway.errors import BadUserInput
from gateway.planner.built import Getter, Inputs
from gateway.planner.json_paths import parse_path
from gateway.planner.sources import Columns, Predicate

DEEPEST = 10
MOST_LISTED = 1000

Parameter = Callable[[Getter, TypeEngine[Any]], ColumnElement[Any]]
Convert = Callable[[Any], Any]


class FilterBuilder:
    """Builds the predicate of one connection's argument ``filter``."""

    def __init__(self, slot: int, row: Columns, parameter: Parameter) -> None:
        self._slot = slot
        self._row = row
        self._parameter = parameter

    def build(self, given: Mapping[str, Any]) -> Predicate:
        """Return the predicate of a filter; its values are read anew at each execution."""
        return self._all(given, ("filter",))

    def _all(self, given: Mapping[str, Any], path: tuple[str | int, ...]) -> Predicate:
        if len(path) > 2 * DEEPEST:
            raise BadUserInput(f"filter is nested deeper than {DEEPEST}")
        parts = [self._part(name, value, (*path, name)) for name, value in given.items()]
        return and_(true(), *parts)

    def _part(self, name: str, value: Any, path: tuple[str | int, ...]) -> Predicate:
        if value is None:
            raise BadUserInput(f"{_written(path)} is null; leave it out, or use isNull")
        if name == "and":
            return and_(true(), *[self._all(each, (*path, i)) for i, each in enumerate(value)])
        if name == "or":
            return or_(false(), *[self._all(each, (*path, i)) for i, each in enumerate(value)])
        if name == "not":
            return _negated(self._all(value, path))
        if name == "metadata":
            return and_(true(), *[self._on_path(each, (*path, i)) for i, each in enumerate(value)])
        return self._on_column(self._row[_snake(name)], value, path)

    # ---- columns ------------------------------------------------------------------------------

    def _on_column(
        self, column: ColumnElement[Any], given: Mapping[str, Any], path: tuple[str | int, ...]
    ) -> Predicate:
        folded = given.get("caseSensitive") is False
        subject = column
        if folded:  # collation C, in which names are kept, knows the capitals of ASCII only
            subject = func.lower(column.collate("default"), type_=column.type)
        parts: list[Predicate] = []
        for name, value in given.items():
            if name == "caseSensitive":
                continue
            here = (*path, name)
            if value is None:
                raise BadUserInput(f"{_written(here)} is null; leave it out, or use isNull")
            if name == "isNull":
                parts.append(column.is_(None) if value else column.is_not(None))
            else:
                parts.append(self._compare(subject, name, here, folded))
        return and_(true(), *parts)

    def _compare(
        self, subject: ColumnElement[Any], name: str, path: tuple[str | int, ...], folded: bool
    ) -> Predicate:
        kind: TypeEngine[Any] = Text() if isinstance(subject.type, Text) else subject.type
        if name in ("in", "nin"):
            listed = self._value(path, ARRAY(kind), _list_checker(path))
            # PostgreSQL folds both sides, so that they are folded alike.
            found = (
                subject.in_(select(func.lower(func.unnest(listed))))
                if folded
                else subject == any_(listed)
            )
            return found if name == "in" else _negated(found)
        value = self._value(path, kind)
        return _OPERATORS[name](subject, func.lower(value) if folded else value)

    # ---- metadata -----------------------------------------------------------------------------

    def _on_path(self, given: Mapping[str, Any], path: tuple[str | int, ...]) -> Predicate:
        keys = self._value((*path, "path"), ARRAY(Text), parse_path)
        found = self._row["metadata"].op("#>", return_type=JSONB())(keys)
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
        return and_(*parts)

    def _compare_json(
        self, found: ColumnElement[Any], name: str, value: Any, path: tuple[str | int, ...]
    ) -> Predicate:
        text = case((_is_a(found, "string"), _text_of(found)))
        match name:
            case "exists":
                return found.is_not(None) if value else found.is_(None)
            case "isNull":
                is_null = func.coalesce(_is_a(found, "null"), true(), type_=Boolean)
                return is_null if value else not_(is_null)
            case "in" | "nin":
                # One JSON array: an array of jsonb would take lists in it for dimensions.
                listed = self._value(path, JSONB(), _list_checker(path))
                inside = found.in_(select(func.jsonb_array_elements(listed)))
                return inside if name == "in" else _negated(inside)
            case "eq" | "ne":
                return _OPERATORS[name](found, self._value(path, JSONB()))
            case "contains" | "startsWith" | "endsWith":
                return _OPERATORS[name](text, self._value(path, Text()))
        if isinstance(value, str):
            return _OPERATORS[name](text.collate("C"), self._value(path, Text()))
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = case((_is_a(found, "number"), found.cast(Numeric)))
            return _OPERATORS[name](number, self._value(path, Numeric(), _exactly))
        raise BadUserInput(f"{_written(path)} has to be a text or a number")

    # ---- values -------------------------------------------------------------------------------

    def _value(
        self, path: tuple[str | int, ...], kind: TypeEngine[Any], convert: Convert | None = None
    ) -> ColumnElement[Any]:
        slot = self._slot

        def value(inputs: Inputs) -> Any:
            found: Any = inputs.arguments[slot]
            for step in path:
                found = found[step]
            return found if convert is None else convert(found)

        return self._parameter(value, kind)


def _negated(predicate: Predicate) -> Predicate:
    """Return the opposite: where SQL answers neither yes nor no, it is not the case."""
    return not_(func.coalesce(predicate, false(), type_=Boolean))


def _is_a(found: ColumnElement[Any], kind: str) -> Predicate:
    same: Predicate = func.jsonb_typeof(found, type_=Text) == literal_column(f"'{kind}'")
    return same


def _text_of(found: ColumnElement[Any]) -> ColumnElement[Any]:
    return found.op("#>>", return_type=Text())(literal_column("'{}'"))


_OPERATORS: dict[str, Callable[[ColumnElement[Any], ColumnElement[Any]], Predicate]] = {
    "eq": lambda subject, value: subject == value,
    "ne": lambda subject, value: subject.is_distinct_from(value),
    "gt": lambda subject, value: subject > value,
    "gte": lambda subject, value: subject >= value,
    "lt": lambda subject, value: subject < value,
    "lte": lambda subject, value: subject <= value,
    # None of these takes % or _ for anything but themselves.
    "contains": lambda subject, value: func.strpos(subject, value) > literal_column("0"),
    "startsWith": lambda subject, value: func.starts_with(subject, value, type_=Boolean),
    "endsWith": lambda subject, value: func.right(subject, func.length(value)) == value,
}


def _exactly(number: float) -> Decimal:
    """Return the number that was written: 0.1 as a Decimal is not 0.1 as a double."""
    return Decimal(str(number))


def _list_checker(path: tuple[str | int, ...]) -> Convert:
    def check(values: list[Any]) -> list[Any]:
        if len(values) > MOST_LISTED:
            raise BadUserInput(
                f"{_written(path)} has {len(values)} entries; the most is {MOST_LISTED}"
            )
        return values

    return check


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)


def _written(path: tuple[str | int, ...]) -> str:
    return ".".join(str(step) for step in path)

"""Payloads as JSON and back: which rows they show, not what was read of them."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from strawberry.types import get_object_definition
from strawberry.types.base import StrawberryList

from gateway.planner.rows import Rows
from gateway.user_errors import UserError, from_plain

_ROWS = "$rows"
_REPLAYED = "replayed"


class Replayed(Exception):
    """What a key was taken for was done before.

    Args:
        answer: The payload, as ``to_plain`` wrote it.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__("this was done before")
        self.answer = answer

    def payload(self, kind: type) -> Any:
        """Return the payload, of its type; its rows are read as they are now."""
        return _payload(kind, self.answer)


def is_refused(payload: Any) -> bool:
    """Tell whether a payload is nothing but errors, or has nothing but such payloads."""
    if getattr(payload, "errors", None):
        return True
    kind: type = type(payload)
    items = [getattr(payload, name) for name in _lists_of_payloads(kind)]
    return bool(items) and all(is_refused(each) for listed in items for each in listed)


def refusal_of_each(kind: type, count: int, errors: list[UserError]) -> Any:
    """Return a bulk's payload in which each input has the same errors."""
    ((name, item),) = _lists_of_payloads(kind).items()
    results = {name: [item(errors=list(errors)) for _ in range(count)]}
    return kind(**results, succeeded=0, failed=count)


def to_plain(payload: Any) -> dict[str, Any]:
    """Return a payload as JSON."""
    return {
        each.name: _plain(getattr(payload, each.name))
        for each in dataclasses.fields(payload)
        if each.name != _REPLAYED
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Rows):
        return {_ROWS: [value.columns, value.ids, value.namespace_id]}
    if dataclasses.is_dataclass(value):
        return to_plain(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _payload(kind: type, plain: dict[str, Any]) -> Any:
    lists = _lists_of_payloads(kind)
    values: dict[str, Any] = {}
    for name, value in plain.items():
        if name == "errors":
            values[name] = [from_plain(_values(each)) for each in value]
        elif name in lists:
            values[name] = [_payload(lists[name], each) for each in value]
        else:
            values[name] = _value(value)
    if _REPLAYED in _names(kind):
        values[_REPLAYED] = not plain.get("errors")
    return kind(**values)


def _values(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in plain.items()}


def _value(plain: Any) -> Any:
    if not isinstance(plain, dict) or plain.keys() != {_ROWS}:
        return plain
    columns, ids, namespace_id = plain[_ROWS]
    rows = Rows(**columns) if ids is None else Rows.listed(ids)
    rows.namespace_id = namespace_id
    return rows


@cache
def _names(kind: type) -> frozenset[str]:
    return frozenset(each.name for each in dataclasses.fields(kind))


@cache
def _lists_of_payloads(kind: type) -> dict[str, type]:
    """Return the fields of a bulk's payload that list payloads, each with the type of these."""
    fields = get_object_definition(kind, strict=True).fields
    listed = {
        each.python_name: each.type.of_type
        for each in fields
        if isinstance(each.type, StrawberryList) and isinstance(each.type.of_type, type)
    }
    return {
        name: item
        for name, item in listed.items()
        if dataclasses.is_dataclass(item) and "errors" in _names(item)
    }

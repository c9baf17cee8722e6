"""Filters, orders, pages and cursors of the API, over rows in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cmp_to_key
from typing import Any, NamedTuple

from .jsonb import NOTHING, at, compare, keys_of, same
from .world import Row

Given = Mapping[str, Any]


class BadInput(Exception):
    """An argument that the API refuses."""


# ---- filters ----------------------------------------------------------------------------------


def fits(row: Row, given: Given) -> bool:
    """Tell whether a row is one that a filter means."""
    return _every(_part(row, name, value) for name, value in given.items())


def _every(holds: Iterable[bool]) -> bool:
    """Tell whether all hold; each is looked at, for any may be refused."""
    return not [each for each in holds if not each]


def _part(row: Row, name: str, value: Any) -> bool:
    if value is None:
        raise BadInput(f"{name} is null")
    match name:
        case "and":
            return _every(fits(row, each) for each in value)
        case "or":
            return not _every(not fits(row, each) for each in value)
        case "not":
            return not fits(row, value)
        case "metadata":
            return _every(_on_path(row["metadata"], each) for each in value)
    return _on_value(row[snake(name)], value)


def _on_value(found: Any, given: Given) -> bool:
    folded = given.get("caseSensitive") is False
    subject = _fold(found) if folded else found
    holds = []
    for name, value in given.items():
        if name == "caseSensitive":
            continue
        if value is None:
            raise BadInput(f"{name} is null")
        if name == "isNull":
            holds.append((found is None) is value)
        else:
            holds.append(OPERATORS[name](subject, _fold(value) if folded else value))
    return all(holds)


def _fold(value: Any) -> Any:
    if isinstance(value, list):
        return [each.lower() for each in value]
    return value if value is None else value.lower()


def _on_path(metadata: Any, given: Given) -> bool:
    path = given["path"]
    if not path.startswith("/") and "" in path.split("."):
        raise BadInput("an empty key")
    if len(keys_of(path)) > 20:
        raise BadInput("too deep")
    if len(given) == 1:
        raise BadInput("nothing to compare with")
    found = at(metadata, path)
    return _every(_on_json(found, name, value) for name, value in given.items() if name != "path")


def _on_json(found: Any, name: str, value: Any) -> bool:
    if value is None:
        raise BadInput(f"{name} is null")
    match name:
        case "exists":
            return (found is not NOTHING) is value
        case "isNull":
            return (found is NOTHING or found is None) is value
        case "eq":
            return found is not NOTHING and same(found, value)
        case "ne":
            return found is NOTHING or not same(found, value)
        case "in":
            return found is not NOTHING and any(same(found, each) for each in value)
        case "nin":
            return found is NOTHING or not any(same(found, each) for each in value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadInput(f"{name} has to be a text or a number")
    if isinstance(value, str) is not isinstance(found, str):
        return False
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return False
    return OPERATORS[name](found, value)


def _unless_null(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda found, value: found is not None and compare(found, value)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, value: found == value,
    "ne": lambda found, value: found != value,
    "in": lambda found, value: found in value,
    "nin": lambda found, value: found not in value,
    "gt": _unless_null(lambda found, value: found > value),
    "gte": _unless_null(lambda found, value: found >= value),
    "lt": _unless_null(lambda found, value: found < value),
    "lte": _unless_null(lambda found, value: found <= value),
    "contains": _unless_null(lambda found, value: value in found),
    "startsWith": _unless_null(lambda found, value: found.startswith(value)),
    "endsWith": _unless_null(lambda found, value: found.endswith(value)),
}

# ---- orders and cursors -----------------------------------------------------------------------


class Key(NamedTuple):
    """One thing that rows are sorted by."""

    field: str
    descending: bool
    path: str


class Cursor(str):
    """Stands for the cursor that the engine gives for a row: any text.

    Args:
        kind: The prefix of the rows' ids.
        position: The values that the row is sorted by, its id last.
    """

    kind: str
    order: tuple[Key, ...]
    position: tuple[Any, ...]

    @classmethod
    def of(cls, kind: str, order: tuple[Key, ...], position: Iterable[Any]) -> Cursor:
        made = cls(f"<{kind} {order} {position}>")
        made.kind, made.order, made.position = kind, order, tuple(position)
        return made


def order_of(asked: Iterable[Given] | None) -> tuple[Key, ...]:
    keys = []
    for each in asked or ():
        path = each.get("metadataPath")
        if (each["field"] == "METADATA") is (path is None):
            raise BadInput("a metadataPath goes with METADATA, and with nothing else")
        keys.append(Key(each["field"], each.get("direction") == "DESC", path or ""))
    if len(keys) > 5:
        raise BadInput("too many keys")
    return tuple(keys)


def position_of(row: Row, order: tuple[Key, ...]) -> list[Any]:
    """Return what a row is sorted by."""
    values: list[Any] = []
    for key in order:
        if key.field == "METADATA":
            found = at(row["metadata"], key.path)
            values.append(None if found is NOTHING else found)
        else:
            value = row[key.field.lower()]
            values.append("" if value is None else value)
    return [*values, row["id"]]


def _way(order: tuple[Key, ...], left: Sequence[Any], right: Sequence[Any]) -> int:
    """Return whether one position is before (< 0) or after (> 0) another."""
    last = Key("ID", order[-1].descending if order else False, "")
    for key, one, other in zip((*order, last), left, right, strict=True):
        way = compare(one, other) if key.field == "METADATA" else (one > other) - (one < other)
        if way:
            return -way if key.descending else way
    return 0


# ---- pages ------------------------------------------------------------------------------------


class Page(NamedTuple):
    """What a connection shows of its rows.

    Args:
        every: All that fit the filter, in order.
        shown: Those on the page.
    """

    kind: str
    order: tuple[Key, ...]
    every: list[Row]
    shown: list[Row]
    goes_on: bool
    went_on: bool

    def cursor(self, row: Row) -> Cursor:
        return Cursor.of(self.kind, self.order, position_of(row, self.order))


def page(kind: str, rows: Iterable[Row], given: Given, cursors: Mapping[str, Cursor]) -> Page:
    """Return the page that a connection's arguments ask for.

    Args:
        cursors: What each cursor that the engine has given stands for.
    """
    order = order_of(given.get("orderBy"))
    size, backwards = _size(given)
    chosen = given.get("filter")
    every = [each for each in rows if chosen is None or fits(each, chosen)]
    every.sort(
        key=cmp_to_key(lambda a, b: _way(order, position_of(a, order), position_of(b, order)))
    )

    ends = {name: _cursor(name, given, kind, order, cursors) for name in ("after", "before")}

    def beside(row: Row, name: str) -> int:
        end = ends[name]
        if end is None:
            return 1 if name == "after" else -1
        return _way(order, position_of(row, order), end.position)

    window = [each for each in every if beside(each, "after") > 0 and beside(each, "before") < 0]
    before = any(beside(each, "after") <= 0 for each in every)
    after = any(beside(each, "before") >= 0 for each in every)
    if backwards:
        shown = window[max(len(window) - size, 0) :]
        return Page(kind, order, every, shown, after, len(window) > size)
    return Page(kind, order, every, window[:size], len(window) > size, before)


def _cursor(
    name: str, given: Given, kind: str, order: tuple[Key, ...], cursors: Mapping[str, Cursor]
) -> Cursor | None:
    text = given.get(name)
    if text is None:
        return None
    cursor = cursors.get(text)
    if cursor is None or (cursor.kind, cursor.order) != (kind, order):
        raise BadInput(f"{name} is no cursor of this list in this order")
    return cursor


def _size(given: Given) -> tuple[int, bool]:
    first, last = given.get("first"), given.get("last")
    if last is not None and first not in (None, 20):
        raise BadInput("first and last")
    size = first if last is None else last
    if size is not None and not 0 <= size <= 1000:
        raise BadInput("the size of the page is out of bounds")
    return (20 if size is None else size), last is not None


def snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)

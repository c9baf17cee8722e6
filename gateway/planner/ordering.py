"""Orders of a connection: the keys that rows are sorted by, and cursors made of their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Text,
    and_,
    cast,
    func,
    literal_column,
    or_,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from gateway.database.base import IdText
from gateway.errors import BadUserInput
from gateway.planner.built import Getter, Inputs
from gateway.planner.json_paths import parse_path
from gateway.planner.sources import Columns

METADATA = "METADATA"
MOST_KEYS = 5

Parameter = Callable[[Getter, TypeEngine[Any]], ColumnElement[Any]]
KeyOf = Callable[[Columns], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that rows are sorted by; it is never null, so rows compare as tuples."""

    of: KeyOf
    kind: TypeEngine[Any]
    descending: bool


class Ordering:
    """The order of one connection field: what was asked for, then the id.

    A cursor begins with a tag that names the kind of the rows and the order, so that a cursor of
    another list or order is refused.

    Args:
        kind: The prefix of the rows' ids.
    """

    def __init__(
        self, kind: str, slot: int, asked: Sequence[Mapping[str, Any]], parameter: Parameter
    ) -> None:
        if len(asked) > MOST_KEYS:
            raise BadUserInput(f"orderBy has {len(asked)} entries; the most is {MOST_KEYS}")
        self._kind = kind
        self._slot = slot
        self._parameter = parameter
        self.keys = [self._key(index, each) for index, each in enumerate(asked)]
        downwards = self.keys[-1].descending if self.keys else False
        self.keys.append(Key(lambda row: row.id, IdText(), downwards))

    def _key(self, index: int, asked: Mapping[str, Any]) -> Key:
        descending = asked.get("direction") == "DESC"
        field = asked["field"]
        if field == METADATA:
            if asked.get("metadataPath") is None:
                raise BadUserInput("orderBy by METADATA needs a metadataPath")
            path = self._parameter(
                lambda inputs: parse_path(_asked(inputs, self._slot)[index]["metadataPath"]),
                ARRAY(Text),
            )
            return Key(lambda row: _in_metadata(row, path), JSONB(), descending)
        if asked.get("metadataPath") is not None:
            raise BadUserInput(f"orderBy by {field} takes no metadataPath")
        return _column_key(str(field).lower(), descending)

    def by(self, row: Columns, *, backwards: bool = False) -> list[ColumnElement[Any]]:
        """Return what to ORDER BY."""
        return [
            key.of(row).desc() if key.descending != backwards else key.of(row).asc()
            for key in self.keys
        ]

    def beyond(self, row: Columns, cursor: str, *, backwards: bool) -> ColumnElement[bool]:
        """Return the predicate of rows after (``backwards``: before) the argument ``cursor``."""
        values = [
            _never_null(self._parameter(self._value(cursor, index), key.kind))
            for index, key in enumerate(self.keys)
        ]
        wanted = [key.of(row) for key in self.keys]
        down = [key.descending != backwards for key in self.keys]
        if len(set(down)) == 1:
            left: Any = tuple_(*wanted) if len(wanted) > 1 else wanted[0]
            right: Any = tuple_(*values) if len(values) > 1 else values[0]
            beyond: ColumnElement[bool] = left < right if down[0] else left > right
            return beyond
        # Directions that differ make no tuple: the first key that differs decides.
        return or_(
            *[
                and_(
                    *[wanted[before] == values[before] for before in range(index)],
                    wanted[index] < values[index] if down[index] else wanted[index] > values[index],
                )
                for index in range(len(wanted))
            ]
        )

    def cursor(self, row: Columns) -> ColumnElement[str]:
        """Return a row's cursor: the tag, and the id or the values of all keys as a JSON array."""
        if len(self.keys) == 1:
            return literal_column(f"'{self._kind}~'", Text).concat(row.id)
        tag = self._parameter(self._tag, Text())
        values = func.json_build_array(*[key.of(row) for key in self.keys])
        return tag.concat(cast(values, Text))

    def _value(self, cursor: str, index: int) -> Getter:
        kinds = [key.kind for key in self.keys]

        def value(inputs: Inputs) -> Any:
            text = inputs.arguments[self._slot][cursor]
            return _read(cursor, text, self._tag(inputs), kinds)[index]

        return value

    def _tag(self, inputs: Inputs) -> str:
        parts = [
            f".{str(each['field']).lower()}{'-' if each.get('direction') == 'DESC' else '+'}"
            + (each.get("metadataPath") or "")
            for each in _asked(inputs, self._slot)
        ]
        return f"{self._kind}{''.join(parts)}~"


def _asked(inputs: Inputs, slot: int) -> Sequence[Mapping[str, Any]]:
    asked: Sequence[Mapping[str, Any]] = inputs.arguments[slot].get("order_by") or ()
    return asked


def _column_key(name: str, descending: bool) -> Key:
    def of(row: Columns) -> ColumnElement[Any]:
        value: ColumnElement[Any] = row[name]
        if isinstance(value.type, Text):
            # Without a value is like with an empty one: a key is never null.
            return func.coalesce(value, literal_column("''"), type_=value.type)
        return value

    kind: TypeEngine[Any] = DateTime(timezone=True) if name.endswith("_at") else Text()
    return Key(of, kind, descending)


def _in_metadata(row: Columns, path: ColumnElement[Any]) -> ColumnElement[Any]:
    return _never_null(row["metadata"].op("#>", return_type=JSONB())(path))


def _never_null(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return JSON's null for SQL's, which compares with nothing; other types have no null here."""
    if not isinstance(value.type, JSONB):
        return value
    return func.coalesce(value, literal_column("'null'::jsonb"), type_=JSONB())


def _read(name: str, cursor: str, tag: str, kinds: Sequence[TypeEngine[Any]]) -> list[Any]:
    if not cursor.startswith(tag):
        raise BadUserInput(f"{name} is no cursor of this list in this order; pass one as it came")
    rest = cursor.removeprefix(tag)
    try:
        values = orjson.loads(rest) if len(kinds) > 1 else [rest]
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError("not as many values as keys")
        return [_convert(value, kind) for value, kind in zip(values, kinds, strict=True)]
    except ValueError:
        raise BadUserInput(f"{name} is a damaged cursor; pass one as it came") from None


def _convert(value: Any, kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, JSONB):
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("a text was expected")
    if not isinstance(kind, DateTime):
        return value
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a moment with its offset was expected")
    return moment

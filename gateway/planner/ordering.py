"""Orders of a connection: the keys that rows are sorted by, and cursors made of their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from gateway.database.base import IdText
from gateway.errors import BadUserInput
from gateway.planner.built import Getter, Inputs, Parameter
from gateway.planner.json_paths import parse_path
from gateway.planner.sql import TEXT, TEXTS, Expression, Row, all_of, any_of, quoted

METADATA = "METADATA"
MOST_KEYS = 5

KeyOf = Callable[[Row], object]

_ID = IdText()
_JSON = JSONB()
_MOMENT = DateTime(timezone=True)


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
        self.keys.append(Key(lambda row: row["id"], _ID, downwards))

    def _key(self, index: int, asked: Mapping[str, Any]) -> Key:
        descending = asked.get("direction") == "DESC"
        field = asked["field"]
        if field == METADATA:
            if asked.get("metadataPath") is None:
                raise BadUserInput("orderBy by METADATA needs a metadataPath")
            path = self._parameter(
                lambda inputs: parse_path(_asked(inputs, self._slot)[index]["metadataPath"]),
                TEXTS,
            )
            return Key(lambda row: _in_metadata(row, path), _JSON, descending)
        if asked.get("metadataPath") is not None:
            raise BadUserInput(f"orderBy by {field} takes no metadataPath")
        return _column_key(str(field).lower(), descending)

    @property
    def is_of_moments(self) -> bool:
        """Whether it is by ids or moments, one way: as indexes are that pages are read from."""
        ways = {key.descending for key in self.keys}
        return len(ways) == 1 and all(isinstance(key.kind, IdText | DateTime) for key in self.keys)

    def by(self, row: Row, *, backwards: bool = False) -> str:
        """Return what to ORDER BY."""
        return ", ".join(
            f"{key.of(row)} {'DESC' if key.descending != backwards else 'ASC'}" for key in self.keys
        )

    def beyond(self, row: Row, cursor: str, *, backwards: bool) -> Expression:
        """Return the predicate of rows after (``backwards``: before) the argument ``cursor``.

        An index in this order is read from there on: where all keys go the same way, rows are
        compared as rows; otherwise the first key that differs decides, and the index starts at the
        first key's value.
        """
        wanted, values = self._sides(row, cursor)
        signs = ["<" if key.descending != backwards else ">" for key in self.keys]
        if len(set(signs)) == 1:
            return Expression(f"{_as_row(wanted)} {signs[0]} {_as_row(values)}")
        same = [f"{left} = {right}" for left, right in zip(wanted, values, strict=True)]
        steps = zip(wanted, signs, values, strict=True)
        differs = [
            all_of([*same[:index], f"{left} {sign} {right}"])
            for index, (left, sign, right) in enumerate(steps)
        ]
        return all_of([f"{wanted[0]} {signs[0]}= {values[0]}", any_of(differs)])

    def up_to(self, row: Row, cursor: str, *, backwards: bool) -> Expression:
        """Return the predicate of all rows that are not ``beyond``, in an order of one way.

        With NOT before a comparison of rows, no index would be read from there.
        """
        wanted, values = self._sides(row, cursor)
        sign = ">=" if self.keys[0].descending != backwards else "<="
        return Expression(f"{_as_row(wanted)} {sign} {_as_row(values)}")

    def _sides(self, row: Row, cursor: str) -> tuple[list[str], list[str]]:
        values = [
            _never_null(self._parameter(self._value(cursor, index), key.kind))
            for index, key in enumerate(self.keys)
        ]
        return [str(key.of(row)) for key in self.keys], values

    def cursor(self, row: Row) -> Expression:
        """Return a row's cursor: the tag, and the id or the values of all keys as a JSON array."""
        if len(self.keys) == 1:
            return Expression(f"{quoted(self._kind + '~')} || {row['id']}", nullable=False)
        tag = self._parameter(self._tag, TEXT)
        values = ", ".join(str(key.of(row)) for key in self.keys)
        return Expression(f"{tag} || CAST(json_build_array({values}) AS text)", nullable=False)

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
    def of(row: Row) -> object:
        value = row[name]
        # Without a value is like with an empty one: a key is never null.
        return f"coalesce({value}, '')" if value.nullable else value

    return Key(of, _MOMENT if name.endswith("_at") else TEXT, descending)


def _as_row(values: Sequence[str]) -> str:
    return f"({', '.join(values)})" if len(values) > 1 else values[0]


def _in_metadata(row: Row, path: Expression) -> str:
    return _never_null(Expression(f"{row['metadata']} #> {path}", _JSON))


def _never_null(value: Expression) -> str:
    """Return JSON's null for SQL's, which compares with nothing; other types have no null here."""
    return f"coalesce({value}, 'null'::jsonb)" if isinstance(value.kind, JSONB) else value.sql


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

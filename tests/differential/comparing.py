"""Whether the engine answers what the reference answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .jsonb import same
from .lists import Cursor, Key
from .reference import AnyOrder


@dataclass
class Cursors:
    """What the cursors that the engine has given stand for, learnt from its own answers."""

    known: dict[str, Cursor] = field(default_factory=dict)
    _by_order: dict[tuple[str, tuple[Key, ...]], list[str]] = field(default_factory=dict)

    def copy(self) -> Cursors:
        by_order = {order: list(texts) for order, texts in self._by_order.items()}
        return Cursors(dict(self.known), by_order)

    def of(self, kind: str, order: tuple[Key, ...]) -> list[str]:
        return self._by_order.get((kind, order), [])

    def learn(self, text: str, cursor: Cursor) -> bool:
        """Note what a cursor stands for; False if it stood for something else before."""
        before = self.known.setdefault(text, cursor)
        if before is cursor:
            self._by_order.setdefault((cursor.kind, cursor.order), []).append(text)
            return True
        return (before.kind, before.order) == (cursor.kind, cursor.order) and all(
            same(one, other) if key and key.field == "METADATA" else one == other
            for one, other, key in zip(
                before.position, cursor.position, (*cursor.order, None), strict=True
            )
        )


def first_difference(expected: Any, got: Any, cursors: Cursors, path: str = "data") -> str | None:
    """Return where and how an answer is not what it should be; None if it is."""
    match expected:
        case AnyOrder():
            is_same = _is_json(got) and same(expected.value, got)
        case Cursor():
            is_same = isinstance(got, str) and cursors.learn(got, expected)
        case dict():
            if not isinstance(got, Mapping) or list(expected) != list(got):
                return f"{path}: {_short(expected)} expected, {_short(got)} given"
            pairs = [(f"{path}.{key}", expected[key], got[key]) for key in expected]
            return _of_any(pairs, cursors)
        case list():
            if not isinstance(got, list) or len(expected) != len(got):
                return f"{path}: {_short(expected)} expected, {_short(got)} given"
            places = enumerate(zip(expected, got, strict=True))
            return _of_any([(f"{path}.{index}", *pair) for index, pair in places], cursors)
        case bool() | None:
            is_same = expected is got
        case _:
            is_same = not isinstance(got, bool) and expected == got
    return None if is_same else f"{path}: {_short(expected)} expected, {_short(got)} given"


def _of_any(pairs: list[tuple[str, Any, Any]], cursors: Cursors) -> str | None:
    for path, expected, got in pairs:
        found = first_difference(expected, got, cursors, path)
        if found is not None:
            return found
    return None


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | list | dict)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 300 else text[:300] + " …"

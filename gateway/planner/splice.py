"""Puts computed values into the JSON that SQL built, one call per field for the whole answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, NamedTuple, Protocol

from gateway.errors import RequestFailure
from gateway.planner.sources import Computed

TYPE_KEY = "@type"
NEED_MARK = "@"


@dataclass(frozen=True, slots=True)
class Call:
    """A computed field as it was selected.

    Args:
        slot: Of its arguments.
        projection: What is selected of it, where it is an object.
    """

    type_name: str
    field_name: str
    source: Computed
    slot: int | None
    projection: Projection | None = None

    def need_key(self, need: str) -> str:
        """Return the key under which the JSON carries one of the call's needs."""
        return f"{NEED_MARK}{self.field_name}.{need}"


@dataclass(slots=True)
class ObjectShape:
    """Where computed values stand in an object: of its own, and below which keys."""

    calls: dict[str, Call] = field(default_factory=dict)
    children: dict[str, Shape] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether anything is computed here or below."""
        return bool(self.calls or self.children)


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list of which each item has the shape."""

    item: Shape


@dataclass(frozen=True, slots=True)
class VariantShape:
    """An object of one of several types; ``TYPE_KEY`` in the JSON tells which."""

    types: Mapping[str, ObjectShape]


Shape = ObjectShape | ListShape | VariantShape


@dataclass(frozen=True, slots=True)
class Projection:
    """What is selected of objects that Python makes.

    Args:
        type_name: Of the objects.
        fields: For each key of the answer the field's name in Python, None for ``__typename``, and
            what is selected below it, if it is an object too.
    """

    type_name: str
    fields: Mapping[str, tuple[str | None, Projection | None]]

    def of(self, value: Any) -> Any:
        """Return a value as it was selected: an object, a list of objects, or None."""
        if value is None:
            return None
        if isinstance(value, list):
            return [self.of(each) for each in value]
        return {key: self._field(value, *field) for key, field in self.fields.items()}

    def _field(self, value: Mapping[str, Any], name: str | None, below: Projection | None) -> Any:
        if name is None:
            return self.type_name
        return value[name] if below is None else below.of(value[name])


class ArgumentsBySlot(Protocol):
    """The arguments of each field that has some, by its slot."""

    def __getitem__(self, slot: int, /) -> dict[str, Any]:
        """Return the arguments, by the names Python uses."""


class Place(NamedTuple):
    """A spot in the answer that waits for a computed value."""

    target: dict[str, Any]
    key: str
    needs: dict[str, Any]
    path: tuple[str | int, ...]
    projection: Projection | None


class Failure(NamedTuple):
    """A computed value that could not be made, and where it is missing."""

    error: Exception
    path: tuple[str | int, ...]


async def splice(
    value: Any, shape: Shape, arguments: ArgumentsBySlot, context: Any
) -> list[Failure]:
    """Fill in an answer's computed values, in place; return those that failed and stay null."""
    places: dict[tuple[str, str, int | None], list[Place]] = {}
    calls: dict[tuple[str, str, int | None], Call] = {}
    _collect(value, shape, (), places, calls)
    failures: list[Failure] = []
    for name, call in calls.items():
        failures += await _fill(call, places[name], arguments, context)
    return failures


async def _fill(
    call: Call, places: list[Place], arguments: ArgumentsBySlot, context: Any
) -> list[Failure]:
    given = {} if call.slot is None else arguments[call.slot]
    try:
        values = call.source.batch(context, [place.needs for place in places], **given)
        if isawaitable(values):
            values = await values
    except RequestFailure:
        raise  # an argument that is wrong: one error, as for arguments of what SQL reads
    except Exception as error:  # told at each place, as errors of fields are
        return [Failure(error, place.path) for place in places]
    for place, value in zip(places, values, strict=True):
        selected = value if place.projection is None else place.projection.of(value)
        place.target[place.key] = selected
    return []


def _collect(
    value: Any,
    shape: Shape,
    path: tuple[str | int, ...],
    places: dict[tuple[str, str, int | None], list[Place]],
    calls: dict[tuple[str, str, int | None], Call],
) -> None:
    if value is None:
        return
    if isinstance(shape, ListShape):
        for index, item in enumerate(value):
            _collect(item, shape.item, (*path, index), places, calls)
        return
    if isinstance(shape, VariantShape):
        shape = shape.types[value.pop(TYPE_KEY)]
    needs = {key: value.pop(key) for key in [key for key in value if key[0] == NEED_MARK]}
    for key, call in shape.calls.items():
        name = (call.type_name, call.field_name, call.slot)
        calls[name] = call
        mine = {need: needs[call.need_key(need)] for need in call.source.needs}
        place = Place(value, key, mine, (*path, key), call.projection)
        places.setdefault(name, []).append(place)
    for key, child in shape.children.items():
        _collect(value[key], child, (*path, key), places, calls)

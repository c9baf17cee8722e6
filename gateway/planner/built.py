"""What builders of statements pass to each other: JSON as SQL, and parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gateway.caller import Caller
from gateway.planner.json_text import Json
from gateway.planner.rows import Rows
from gateway.planner.splice import ArgumentsBySlot, ListShape, ObjectShape, Shape, VariantShape


class Inputs(NamedTuple):
    """What differs between two executions of one statement."""

    arguments: ArgumentsBySlot
    rows: Rows
    caller: Caller


Getter = Callable[[Inputs], Any]


class Built(NamedTuple):
    """JSON as SQL, and where values computed in Python belong in it."""

    json: Json
    shape: Shape | None = None


def list_shape(shape: Shape | None) -> Shape | None:
    """Return the shape of a list of such items."""
    return ListShape(shape) if shape else None


def object_shape(shape: Shape | None) -> ObjectShape:
    """Return an object's shape, an empty one where nothing is computed."""
    return shape if isinstance(shape, ObjectShape) else ObjectShape()


def variant_shape(shapes: Mapping[str, ObjectShape], *, tagged: bool) -> Shape | None:
    """Return the shape of an object of one of several types; a tag has to be taken out again."""
    return VariantShape(shapes) if tagged else None

"""What builders of statements pass to each other: JSON as SQL, parameters, and the builder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from sqlalchemy.types import TypeEngine

from gateway.caller import Caller
from gateway.planner.catalog import PlannedType
from gateway.planner.json_text import Json
from gateway.planner.rows import Rows
from gateway.planner.selection import Selected
from gateway.planner.splice import ArgumentsBySlot, ListShape, ObjectShape, Shape, VariantShape
from gateway.planner.sql import Expression, Row


class Inputs(NamedTuple):
    """What differs between two executions of one statement."""

    arguments: ArgumentsBySlot
    rows: Rows
    caller: Caller


Getter = Callable[[Inputs], Any]
# Makes a parameter of a type, whose value a getter tells.
Parameter = Callable[[Getter, TypeEngine[Any]], Expression]


class Built(NamedTuple):
    """JSON as SQL, and where values computed in Python belong in it."""

    json: Json
    shape: Shape | None = None


class Builder(Protocol):
    """What the parts of a statement need of the whole."""

    def planned_type(self, name: str) -> PlannedType:
        """Return a planned type by its name."""

    def new_name(self, stem: str) -> str:
        """Return a name that the statement does not use yet."""

    def new_row(self, type_name: str) -> Row:
        """Return a row of a type's table that the statement does not read yet."""

    def scope(self, type_name: str, row: Row) -> str:
        """Return the predicate that keeps a read in the caller's namespace."""

    def parameter(self, getter: Getter, kind: TypeEngine[Any]) -> Expression:
        """Return a new parameter."""

    def object_json(
        self, type_name: str, selected: Selected, row: Row, *, tagged: bool = False
    ) -> Built:
        """Return the JSON of one row as an object of a type; ``tagged`` makes it tell the type."""


def list_shape(shape: Shape | None) -> Shape | None:
    """Return the shape of a list of such items."""
    return ListShape(shape) if shape else None


def object_shape(shape: Shape | None) -> ObjectShape:
    """Return an object's shape, an empty one where nothing is computed."""
    return shape if isinstance(shape, ObjectShape) else ObjectShape()


def variant_shape(shapes: Mapping[str, ObjectShape], *, tagged: bool) -> Shape | None:
    """Return the shape of an object of one of several types; a tag has to be taken out again."""
    return VariantShape(shapes) if tagged else None

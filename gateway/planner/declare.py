"""How types say where their fields come from.

Columns need nothing: ``title: str = strawberry.field(description=…)`` reads the column ``title``,
and
``bucket: Bucket`` the row that ``bucket_id`` names. Only the unusual is declared, with the
functions below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import strawberry
from sqlalchemy.types import TypeEngine
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from gateway.planner import sources
from gateway.planner.rows import Rows
from gateway.planner.sources import Planned, Sizing, Source

T = TypeVar("T")
SOURCE = "source"
SIZING = "sizing"
PLANNED = "__planned__"


class Argument(NamedTuple):
    """An argument of a planned field."""

    annotation: Any
    default: Any
    description: str


class PlannedField(StrawberryField):
    """A field that the planner reads; at the root of a query it asks for rows."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """Ask for all rows; take from an object that is known already what it says."""
        return Rows() if source is None else getattr(source, self.python_name)


def sized_by(argument: str, *, most: int) -> dict[str, Any]:
    """Return the metadata of a field with a resolver that has as much to read as a list has items.

    Its own items, or those of a list directly below it.
    """
    return {SIZING: Sizing((argument,), 1, most, is_list=True)}


def _planned(
    source: Source,
    description: str,
    arguments: Mapping[str, Argument] | None = None,
    name: str | None = None,
) -> Any:
    made = PlannedField(metadata={SOURCE: source}, description=description, graphql_name=name)
    made.arguments = [
        StrawberryArgument(
            python_name=name,
            graphql_name=None,
            type_annotation=StrawberryAnnotation(argument.annotation),
            default=argument.default,
            description=argument.description,
        )
        for name, argument in (arguments or {}).items()
    ]
    return made


def entity(
    row: type,
    prefix: str | None = None,
    *,
    description: str,
    scope: Callable[..., Any] | None = None,
    named: Callable[..., Any] | None = None,
) -> Callable[[type[T]], type[T]]:
    """Declare a type read from a table; ``prefix`` is that of its ids.

    ``named`` says which rows can be found by their names, where that is not all of them.
    """
    table = row.__table__  # type: ignore[attr-defined]
    return _type(Planned(table, prefix, scope, named=named), description)


def record(description: str, **columns: TypeEngine[Any]) -> Callable[[type[T]], type[T]]:
    """Declare a type read from the records of a jsonb array, with the type of each key."""
    return _type(Planned(record=columns), description)


def embedded_type(description: str) -> Callable[[type[T]], type[T]]:
    """Declare a type read from whatever row it is embedded in."""
    return _type(Planned(), description)


def _type(planned: Planned, description: str) -> Callable[[type[T]], type[T]]:
    def decorate(cls: type[T]) -> type[T]:
        made: type[T] = strawberry.type(cls, description=description)
        setattr(made, PLANNED, planned)
        return made

    return decorate


def column(column: str, *, name: str | None = None, description: str) -> Any:
    """Read a column of another name than the field's; ``name``: for clients, if not Python's."""
    return _planned(sources.Column(column), description, name=name)


def sql(build: Callable[..., Any], *, description: str) -> Any:
    """Read an expression; ``build`` gets the row's columns."""
    return _planned(sources.Sql(build), description)


def one(
    column: str | None = None, *, on: Callable[..., Any] | None = None, description: str
) -> Any:
    """Read the entity that a column names, or that ``on(target, row, caller)`` finds."""
    return _planned(sources.One(column, on), description)


class Listing(NamedTuple):
    """The inputs by which a list can be narrowed and ordered."""

    filter: Any
    order: Any


def many(
    column: str | None = None,
    *,
    where: Callable[..., Any] | None = None,
    flags: Mapping[str, tuple[Callable[..., Any], str]] | None = None,
    tallied: Callable[..., Any] | None = None,
    listing: Listing | None = None,
    description: str,
) -> Any:
    """Read a connection: the rows whose ``column`` names this one; see ``sources.Many``."""
    flags = flags or {}
    arguments = {
        "first": Argument(int | None, 20, "How many from the start, at most: 0 to 1000."),
        "after": Argument(str | None, None, "The cursor after which the page begins."),
        "last": Argument(int | None, None, "How many from the end, instead of `first`."),
        "before": Argument(str | None, None, "The cursor before which the page ends."),
    } | {
        name: Argument(bool | None, False, description) for name, (_, description) in flags.items()
    }
    if listing is not None:
        orders: Any = list[listing.order]  # type: ignore[name-defined]  # made at run time
        arguments |= {
            "filter": Argument(listing.filter | None, None, "Only what fits."),
            "order_by": Argument(orders | None, None, "What to sort by, at most 5; then by id."),
        }
    conditions = {name: condition for name, (condition, _) in flags.items()}
    return _planned(sources.Many(column, where, conditions, tallied), description, arguments)


def listed(column: str, *, order: str, description: str) -> Any:
    """Read a plain list of the rows whose ``column`` names this one."""
    return _planned(sources.Listed(column, order), description)


def trail(
    column: str,
    *,
    order: str,
    after: Any,
    kind: TypeEngine[Any],
    place: Callable[[Any, str], Any],
    beyond: Callable[[str, str], str],
    description: str,
) -> Any:
    """Read a plain list of a log's rows about this one; ``after``: the type of its places.

    See ``sources.Trail``.
    """
    arguments = {
        "first": Argument(int | None, 20, "How many, at most: 0 to 1000."),
        "after": Argument(after | None, None, "Only what came after this."),
    }
    source = sources.Trail(column, order, kind, place, beyond)
    return _planned(source, description, arguments)


def through(
    link: type, column: str, *, targets: Mapping[str, str], order: str, description: str
) -> Any:
    """Read a plain list of the entities at the other end of a link table."""
    table = link.__table__  # type: ignore[attr-defined]
    return _planned(sources.Through(table, column, targets, order), description)


def either(targets: Mapping[str, str], *, description: str) -> Any:
    """Read one member of a union: the type of the first column that is not null."""
    return _planned(sources.Either(targets), description)


def any_node(column: str, *, types: tuple[str, ...], description: str) -> Any:
    """Read the entity that the id in ``column`` names, of one of ``types``."""
    return _planned(sources.AnyNode(column, types), description)


def embedded(*, when: Callable[..., Any] | None = None, description: str) -> Any:
    """Read an object over the same row; null where ``when`` does not hold of the row."""
    return _planned(sources.Embedded(when), description)


def unnested(column: str, *, description: str) -> Any:
    """Read the records of a jsonb column."""
    return _planned(sources.Unnested(column), description)


def ancestors(column: str, *, description: str) -> Any:
    """Read all rows above this one, the root first."""
    return _planned(sources.Ancestors(column), description)


def derived(
    build: Callable[..., Any],
    *,
    sizing: Sizing,
    arguments: Mapping[str, Argument],
    description: str,
) -> Any:
    """Read an object over the rows of a query of its own."""
    return _planned(sources.Derived(build, sizing), description, arguments)


def members(
    *, order: tuple[str, ...], where: Callable[..., Any] | None = None, description: str
) -> Any:
    """Read the rows of the derived query."""
    return _planned(sources.Members(order, where), description)


def computed(
    batch: Callable[..., Any],
    *,
    needs: Mapping[str, Callable[..., Any]],
    arguments: Mapping[str, Argument] | None = None,
    is_sure: bool = False,
    description: str,
) -> Any:
    """Make the value in Python, one call for all rows of the answer; see ``sources.Computed``."""
    return _planned(sources.Computed(batch, needs, is_sure), description, arguments)

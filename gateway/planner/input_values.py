"""Arguments as Strawberry hands them to resolvers, converted by functions made once for each type.

Strawberry finds out anew at each execution what every field of an input is; for an object with two
blobs that takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, NamedTuple

from graphql import GraphQLField, GraphQLInputObjectType, GraphQLInputType, is_list_type
from graphql.type import GraphQLNonNull
from strawberry.types.base import StrawberryMaybe
from strawberry.types.field import StrawberryField

from gateway.planner.catalog import STRAWBERRY

# From a value as graphql-core has coerced it; None for what resolvers take as it is.
Convert = Callable[[Any], Any]


class Unconvertible(Exception):
    """Only Strawberry knows how such an input is converted."""


class Converter:
    """Converts the arguments of one field."""

    def __init__(self, field: GraphQLField) -> None:
        """Make the functions.

        Raises:
            Unconvertible: an argument is of a kind that is not known here.
        """
        self._arguments = {
            name: (_python_name(argument.extensions), _convert_of(argument.type))
            for name, argument in field.args.items()
        }

    def convert(self, coerced: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments, by the names Python uses."""
        converted = {}
        for name, value in coerced.items():
            python_name, convert = self._arguments[name]
            converted[python_name] = value if convert is None else convert(value)
        return converted


class _Field(NamedTuple):
    """A field of an input: its names, and how its value is converted."""

    name: str
    python_name: str
    convert: Convert | None


def _python_name(extensions: dict[str, Any]) -> str:
    declared = extensions.get(STRAWBERRY)
    name = getattr(declared, "python_name", None)
    if not isinstance(name, str) or isinstance(getattr(declared, "type", None), StrawberryMaybe):
        raise Unconvertible
    return name


def _convert_of(
    graphql_type: GraphQLInputType, above: frozenset[str] = frozenset()
) -> Convert | None:
    if isinstance(graphql_type, GraphQLNonNull):
        return _convert_of(graphql_type.of_type, above)
    if is_list_type(graphql_type):
        return _list(_convert_of(graphql_type.of_type, above))
    if isinstance(graphql_type, GraphQLInputObjectType):
        if graphql_type.name in above:
            raise Unconvertible  # it may hold itself
        return _input(graphql_type, above | {graphql_type.name})
    return None  # a scalar or an enum: graphql-core has made it what it is


def _list(convert: Convert | None) -> Convert:
    # A copy in any case: a default is one object for all requests.
    if convert is None:
        return lambda value: None if value is None else list(value)
    return lambda value: None if value is None else [convert(each) for each in value]


def _input(graphql_type: GraphQLInputObjectType, above: frozenset[str]) -> Convert:
    definition = graphql_type.extensions.get(STRAWBERRY)
    if definition is None or definition.from_input is not None:
        raise Unconvertible
    fields = [
        _Field(name, _python_name(each.extensions), _convert_of(each.type, above))
        for name, each in graphql_type.fields.items()
    ]
    made = definition.origin
    # As Strawberry does it: what may be left out and has no default is None.
    absent = dict.fromkeys(_without_default(definition.fields))

    def convert(value: Any) -> Any:
        if value is None:
            return None
        given = dict(absent)
        for name, python_name, inner in fields:
            if name in value:
                given[python_name] = value[name] if inner is None else inner(value[name])
        return made(**given)

    return convert


def _without_default(fields: list[StrawberryField]) -> list[str]:
    return [
        each.python_name
        for each in fields
        if each.default_value is MISSING and each.default_factory is MISSING
    ]

"""Input values coerced as graphql-core does it, by functions made once for each type.

graphql-core finds out anew at each value what its type is; of a thousand inputs that takes longer
than anything else of their request. What is not right, or not usual, is left to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    Undefined,
    get_nullable_type,
    is_list_type,
    is_required_input_field,
)
from graphql.type import GraphQLNonNull
from graphql.utilities.coerce_input_value import coerce_default_value

Coerce = Callable[[Any], Any]

# The scalars that take a value of one Python type as it is.
_TAKEN = {"ID": str, "String": str, "Boolean": bool}


class Unusual(Exception):
    """Only graphql-core knows what becomes of this value, or of this type."""


class _Field(NamedTuple):
    """A field of an input.

    Args:
        kind: Of the values that are taken as they are, without a call for each.
        default: ``Undefined`` where it has none.
    """

    name: str
    kind: type | None
    coerce: Coerce
    is_required: bool
    default: Any


class Coercers:
    """The functions of all types of a schema that were asked for."""

    def __init__(self) -> None:
        self._inputs: dict[str, Coerce] = {}

    def of(self, graphql_type: GraphQLInputType) -> Coerce:
        """Return what coerces values of a type, or raises ``Unusual`` at one.

        Raises:
            Unusual: the type itself is.
        """
        if isinstance(graphql_type, GraphQLNonNull):
            return _required(self._of_nullable(graphql_type.of_type))
        return _nullable(self._of_nullable(graphql_type))

    def _of_nullable(self, graphql_type: Any) -> Coerce:
        if is_list_type(graphql_type):
            return _list(self.of(graphql_type.of_type))
        if isinstance(graphql_type, GraphQLInputObjectType):
            return self._input(graphql_type)
        return _leaf(graphql_type)

    def _input(self, graphql_type: GraphQLInputObjectType) -> Coerce:
        name = graphql_type.name
        if name not in self._inputs:
            # First, for an input may hold itself.
            self._inputs[name] = lambda value: self._inputs[name](value)
            self._inputs[name] = self._made_input(graphql_type)
        return self._inputs[name]

    def _made_input(self, graphql_type: GraphQLInputObjectType) -> Coerce:
        if graphql_type.is_one_of:
            raise Unusual
        fields: list[_Field] = []
        for name, field in graphql_type.fields.items():
            if field.out_name not in (None, name):
                raise Unusual
            default = coerce_default_value(field)
            is_required = is_required_input_field(field)
            kind = _TAKEN.get(getattr(get_nullable_type(field.type), "name", ""))
            fields.append(_Field(name, kind, self.of(field.type), is_required, default))
        out_type = graphql_type.out_type

        def coerce(value: Any) -> Any:
            if type(value) is not dict:
                raise Unusual
            coerced = {}
            unknown = len(value)
            # In the order of the type's fields, as plans are filed by it.
            for name, kind, coerce_field, is_required, default in fields:
                if name in value:
                    given = value[name]
                    coerced[name] = given if type(given) is kind else coerce_field(given)
                    unknown -= 1
                elif is_required:
                    raise Unusual
                elif default is not Undefined:
                    coerced[name] = default
            if unknown:
                raise Unusual
            return out_type(coerced)

        return coerce


def _required(coerce: Coerce) -> Coerce:
    def coerce_required(value: Any) -> Any:
        if value is None:
            raise Unusual
        return coerce(value)

    return coerce_required


def _nullable(coerce: Coerce) -> Coerce:
    return lambda value: None if value is None else coerce(value)


def _list(coerce: Coerce) -> Coerce:
    def coerce_list(value: Any) -> Any:
        if type(value) is not list:
            raise Unusual  # one value counts as a list of it
        return [coerce(each) for each in value]

    return coerce_list


def _leaf(graphql_type: GraphQLLeafType) -> Coerce:
    kind = _TAKEN.get(graphql_type.name)
    coerce_value = graphql_type.coerce_input_value

    def coerce(value: Any) -> Any:
        if type(value) is kind:
            return value
        try:
            coerced = coerce_value(value)
        except Exception as error:  # whatever it is, graphql-core tells of it
            raise Unusual from error
        if coerced is Undefined:
            raise Unusual
        return coerced

    return coerce

"""Root resolvers, called without what Strawberry does around them where there is nothing to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from graphql import FieldNode, GraphQLField, get_named_type
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from gateway.planner.catalog import STRAWBERRY
from gateway.planner.declare import PlannedField
from gateway.planner.places import bare
from gateway.planner.rows import Rows
from gateway.planner.selection import ArgumentSite

# What Strawberry hands on to a resolver as graphql-core made it.
_HANDED_ON = {"ID", "String", "Int", "Float", "Boolean"}

Resolve = Callable[[VariableValues, Any], Any]


class _Info(NamedTuple):
    """What of graphql-core's info a root resolver may ask for."""

    context: Any


def resolver_of(field: GraphQLField, node: FieldNode) -> Resolve:
    """Return what takes an operation's variables and a context, and returns a field's rows."""
    declared = field.extensions.get(STRAWBERRY)
    if isinstance(declared, PlannedField):
        return _all_rows
    if (
        isinstance(declared, StrawberryField)
        and declared.base_resolver is not None
        and not declared.base_resolver.is_async
        and not declared.extensions
        and all(get_named_type(each.type).name in _HANDED_ON for each in field.args.values())
    ):
        return _direct(declared.base_resolver, field, node)
    return _as_declared(field, node)


def _all_rows(_variables: VariableValues, _context: Any) -> Rows:
    return Rows()


def _direct(resolver: StrawberryResolver[Any], field: GraphQLField, node: FieldNode) -> Resolve:
    function: Any = resolver.wrapped_func
    site = ArgumentSite(field, node)
    source = () if resolver.self_parameter is None else (None,)
    info = None if resolver.info_parameter is None else resolver.info_parameter.name

    def resolve(variables: VariableValues, context: Any) -> Any:
        if info is None:
            return function(*source, **site.read(variables))
        return function(*source, **site.read(variables), **{info: _Info(context)})

    return resolve


def _as_declared(field: GraphQLField, node: FieldNode) -> Resolve:
    node = bare(node)

    def resolve(variables: VariableValues, context: Any) -> Any:
        arguments = get_argument_values(field, node, variables)
        return field.resolve(None, _Info(context), **arguments) if field.resolve else None

    return resolve

"""A mutation's resolver, called as Strawberry does, without the layers between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from graphql import FieldNode, OperationDefinitionNode
from graphql.pyutils import Path
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from gateway.planner.along import FindReading
from gateway.planner.long_road import LongRoad

# Takes the request's context, the arguments, and what finds how the payload will be read.
Call = Callable[[Any, dict[str, Any], FindReading], Awaitable[Any]]


class _Info(NamedTuple):
    """What of Strawberry's info a mutation and its extension may ask for."""

    context: Any
    return_type: Any
    field_name: str
    operation: OperationDefinitionNode
    path: Path
    find_reading: FindReading


def call_of(declared: Any, operation: OperationDefinitionNode, node: FieldNode) -> Call:
    """Return what calls a mutation through its one extension, and returns its payload.

    Raises:
        LongRoad: It is declared in another way.
    """
    resolver = declared.base_resolver if isinstance(declared, StrawberryField) else None
    if resolver is None or not resolver.is_async or len(declared.extensions) != 1:
        raise LongRoad
    extension: FieldExtension = declared.extensions[0]
    return_type = declared.type
    name = node.name.value
    path = Path(None, (node.alias or node.name).value, None)
    function: Any = resolver.wrapped_func
    source = () if resolver.self_parameter is None else (None,)
    info_name = None if resolver.info_parameter is None else resolver.info_parameter.name

    async def resolve(_source: Any, info: _Info, **arguments: Any) -> Any:
        if info_name is not None:
            arguments[info_name] = info
        return await function(*source, **arguments)

    async def call(context: Any, arguments: dict[str, Any], find_reading: FindReading) -> Any:
        info: Any = _Info(context, return_type, name, operation, path, find_reading)
        return await extension.resolve_async(resolve, None, info, **arguments)

    return call

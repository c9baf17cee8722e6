"""Stage 1, what was asked: GraphQL nodes -> Selected."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_abstract_type,
    is_list_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails, FieldDetailsList
from graphql.execution.values import VariableValues, get_argument_values
from graphql.type import GraphQLNonNull
from strawberry.utils.str_converters import to_snake_case

TYPENAME = "__typename"


@dataclass(frozen=True, slots=True)
class Selected:
    """One field of the answer.

    Args:
        key: Its name in the answer: the alias, or the field's name.
        name: The field's name in the schema.
        is_list: Whether its type is a list.
        slot: Which entry of the operation's argument sites is this field's; None without arguments.
        arguments: Their values in this execution, by the names Python uses.
        fields: What is selected of it, for each object type it may turn out to be.
    """

    key: str
    name: str
    is_list: bool
    slot: int | None
    arguments: Mapping[str, Any]
    fields: Mapping[str, tuple[Selected, ...]]


class ArgumentSite(NamedTuple):
    """A field in the document that takes arguments; read again at each execution of a kept plan."""

    field: GraphQLField
    details: FieldDetails

    def read(self, variables: VariableValues) -> dict[str, Any]:
        """Return the arguments' values under the variables, by the names Python uses."""
        values = get_argument_values(
            self.field, self.details.node, variables, self.details.fragment_variable_values
        )
        return {to_snake_case(name): value for name, value in values.items()}


class Selector:
    """Collects a selection, and its argument sites, from one executor."""

    def __init__(self, executor: Executor[Any]) -> None:
        self._executor = executor
        self.sites: list[ArgumentSite] = []

    def select(self, parent: GraphQLObjectType, key: str, details: FieldDetailsList) -> Selected:
        """Return what is selected at one field of ``parent``, all the way down."""
        name = details[0].node.name.value
        if name == TYPENAME:
            return Selected(key, name, False, None, {}, {})
        field = parent.fields[name]
        slot = None
        arguments: dict[str, Any] = {}
        if field.args:
            site = ArgumentSite(field, details[0])
            slot = len(self.sites)
            self.sites.append(site)
            arguments = site.read(self._executor.variable_values)
        return Selected(
            key,
            name,
            _is_list(field.type),
            slot,
            arguments,
            {each.name: self._fields(each, details) for each in self._objects(field.type)},
        )

    def _fields(self, parent: GraphQLObjectType, details: FieldDetailsList) -> tuple[Selected, ...]:
        # collect_subfields merges repeated aliases and obeys @skip and @include as the
        # specification says.
        collected = self._executor.collect_subfields(parent, details).grouped_field_set
        return tuple(self.select(parent, key, each) for key, each in collected.items())

    def _objects(self, output: GraphQLOutputType) -> tuple[GraphQLObjectType, ...]:
        named = get_named_type(output)
        if is_object_type(named):
            return (named,)
        if is_abstract_type(named):
            return tuple(self._executor.schema.get_possible_types(named))
        return ()


def _is_list(output: GraphQLOutputType) -> bool:
    return is_list_type(output.of_type if isinstance(output, GraphQLNonNull) else output)


def variables_shape(variables: VariableValues) -> Hashable:
    """Return the part of all variables that may change a statement's text."""
    return tuple((name, shape_of(value)) for name, value in variables.coerced.items())


def shape_of(value: Any) -> Any:
    """Return the part of a variable's value that may change a statement's text.

    Booleans (@skip), enums, the keys of objects and where null stands do; other scalars and the
    lengths of
    lists of them are bound as parameters and do not.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return tuple((key, shape_of(each)) for key, each in value.items())
    if isinstance(value, list):
        if value and isinstance(value[0], dict | list):
            return (list, tuple(shape_of(each) for each in value))
        return list
    if type(value) in (str, int, float):
        return type(value)
    return value

"""Stage 1, what was asked: GraphQL nodes -> Selected."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import (
    FragmentVariableValues,
    VariableValues,
    get_argument_values,
)
from graphql.type import GraphQLNonNull
from strawberry.utils.str_converters import to_snake_case

from gateway.planner.places import bare

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


class ArgumentSite:
    """A field in the document that takes arguments; read again at each execution of a kept plan.

    What is written in the document is read once, what variables bring each time.
    """

    __slots__ = ("_fixed", "_fragment_variables", "_moving", "_whole")

    def __init__(
        self,
        field: GraphQLField,
        node: FieldNode,
        fragment_variables: FragmentVariableValues | None = None,
    ) -> None:
        moving = {
            argument.name.value: argument
            for argument in node.arguments or ()
            if _has_variable(argument.value)
        }
        self._fixed = _values(_with_arguments(field, set(field.args) - set(moving)), node)
        self._moving = (
            (_with_arguments(field, set(moving)), bare(node, moving.values())) if moving else None
        )
        self._fragment_variables = fragment_variables
        # Where each is a variable and nothing else, its value was made the argument's already.
        whole = [
            (_python_name(name), each.value.name.value, is_non_null_type(field.args[name].type))
            for name, each in moving.items()
            if isinstance(each.value, VariableNode) and fragment_variables is None
        ]
        self._whole = tuple(whole) if len(whole) == len(moving) else None

    def read(self, variables: VariableValues) -> dict[str, Any]:
        """Return the arguments' values under the variables, by the names Python uses.

        Raises:
            GraphQLError: a variable is not given, or null, where the argument needs a value.
        """
        if self._moving is None:
            return self._fixed
        values = _taken(self._whole, variables.coerced) if self._whole else None
        if values is None:
            values = _values(*self._moving, variables, self._fragment_variables)
        return self._fixed | values


def _taken(
    whole: Iterable[tuple[str, str, bool]], coerced: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the variables' values as they are; None where defaults or errors are due."""
    values = {}
    for name, variable, is_required in whole:
        if variable not in coerced or (is_required and coerced[variable] is None):
            return None
        values[name] = coerced[variable]
    return values


class _Taking(NamedTuple):
    """All that ``get_argument_values`` asks of a field; to make one of its own takes long."""

    args: Mapping[str, GraphQLArgument]


def _values(field: Any, node: FieldNode, *variables: Any) -> dict[str, Any]:
    values = get_argument_values(field, node, *variables)
    return {_python_name(name): value for name, value in values.items()}


# A schema has so many names and no more.
_python_name = cache(to_snake_case)


def _with_arguments(field: GraphQLField, names: set[str]) -> _Taking:
    return _Taking({name: field.args[name] for name in names})


def _has_variable(value: ValueNode) -> bool:
    if isinstance(value, VariableNode):
        return True
    if isinstance(value, ListValueNode):
        return any(_has_variable(each) for each in value.values)
    if isinstance(value, ObjectValueNode):
        return any(_has_variable(each.value) for each in value.fields)
    return False


class Arguments:
    """The arguments of a plan's sites in one execution, read when they are asked for."""

    __slots__ = ("_read", "_sites", "_variables")

    def __init__(self, sites: Sequence[ArgumentSite], variables: VariableValues) -> None:
        self._sites = sites
        self._variables = variables
        self._read: dict[int, dict[str, Any]] = {}

    def __getitem__(self, slot: int) -> dict[str, Any]:
        """Return the arguments of one site, by the names Python uses."""
        found = self._read.get(slot)
        if found is None:
            found = self._read[slot] = self._sites[slot].read(self._variables)
        return found


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
            site = ArgumentSite(field, details[0].node, details[0].fragment_variable_values)
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
    return tuple([(name, shape_of(value)) for name, value in variables.coerced.items()])


def shape_of(value: Any) -> Any:
    """Return the part of a variable's value that may change a statement's text.

    Booleans (@skip), enums, the keys of objects and where null stands do; other scalars and the
    lengths of lists of them are bound as parameters and do not.
    """
    if type(value) in (str, int, float, datetime):
        return type(value)
    if isinstance(value, dict):
        return tuple((key, shape_of(each)) for key, each in value.items())
    if isinstance(value, list):
        if value and isinstance(value[0], dict | list):
            return (list, tuple(shape_of(each) for each in value))
        return list
    return value

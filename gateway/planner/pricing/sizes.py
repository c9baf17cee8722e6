"""How many rows a field may have, as the document and the variables say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ValueNode,
    VariableNode,
)

from gateway.planner.sources import Sizing


class Variable(NamedTuple):
    """A variable in place of a value; ``default`` is what the operation says of it, as a size."""

    name: str
    default: int | None


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows there are at most, by the first argument that is given.

    Args:
        said: What is written of each argument, in the order in which they count.
        usual: The argument that would say it where none does.
        is_list: Whether an argument is a list, whose length counts.
    """

    said: tuple[tuple[str, int | Variable], ...]
    default: int
    most: int
    usual: str
    is_list: bool

    @property
    def fixed(self) -> int | None:
        """The size, where no variable has a say in it."""
        first = self.said[0][1] if self.said else self.default
        return min(first, self.most) if isinstance(first, int) else None

    @property
    def largest(self) -> int:
        """The size for those variables that make it largest."""
        fixed = self.fixed
        return self.most if fixed is None else fixed

    @property
    def smallest(self) -> int:
        """The size for those variables that make it smallest."""
        return self.fixed or 0

    def under(self, variables: Mapping[str, Any]) -> int:
        """Return the size for the variables of a request, as they came.

        What is no number is told of later, where variables are coerced.
        """
        for _, value in self.said:
            count = _given(value, variables)
            if count is not None:
                return min(max(count, 0), self.most)
        return self.default

    def argument(self, variables: Mapping[str, Any]) -> str:
        """Return the name of the argument that decides, or that would if it was given."""
        decide = (name for name, value in self.said if _given(value, variables) is not None)
        return next(decide, self.usual)


def size_of(sizing: Sizing, node: FieldNode, defaults: Mapping[str, ValueNode | None]) -> Size:
    """Return the size of a field in a document.

    Args:
        defaults: Of the operation's variables, where they have one.
    """
    written = {each.name.value: each.value for each in node.arguments or ()}
    said: list[tuple[str, int | Variable]] = []
    for name in sizing.arguments:
        value = written.get(name)
        if isinstance(value, VariableNode):
            variable = value.name.value
            said.append((name, Variable(variable, _written(defaults.get(variable)))))
        elif (count := _written(value)) is not None:
            said.append((name, count))
            break
    return Size(
        tuple(said), sizing.default, sizing.most, sizing.arguments[-1], is_list=sizing.is_list
    )


def _written(value: ValueNode | None) -> int | None:
    """Return the size that a value of the document says, None for none."""
    if value is None or isinstance(value, NullValueNode):
        return None
    if isinstance(value, ListValueNode):
        return len(value.values)
    if isinstance(value, IntValueNode):
        return max(int(value.value), 0)
    return 1  # one value counts as a list of it


def _given(value: int | Variable, variables: Mapping[str, Any]) -> int | None:
    if isinstance(value, int):
        return value
    given = variables.get(value.name, value.default)
    if isinstance(given, list):
        return len(given)
    if isinstance(given, float) and given.is_integer():
        return int(given)
    if isinstance(given, str):
        return 1
    return given if isinstance(given, int) else None

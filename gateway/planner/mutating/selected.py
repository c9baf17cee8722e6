"""What a mutation selects of its payload: the fields that the short road knows to write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)
from strawberry.types.field import StrawberryField

from gateway.planner.catalog import STRAWBERRY
from gateway.planner.executor import is_dense
from gateway.planner.long_road import LongRoad
from gateway.planner.places import Place, place_of
from gateway.planner.selection import TYPENAME
from gateway.planner.used_variables import used_variables


class Part(NamedTuple):
    """A field of the payload.

    Args:
        start: Of its entry in the answer.
        name: Of the payload's attribute.
        variables: Those that its plan depends on.
        leaf: Its type, if it is a scalar or an enum.
        is_dense: Whether it is a list without nulls.
    """

    start: bytes
    name: str
    place: Place
    variables: frozenset[str]
    leaf: GraphQLLeafType | None
    is_list: bool
    is_dense: bool
    is_nullable: bool


class Items(NamedTuple):
    """A field of the payload that is a list of payloads.

    Args:
        start: Of its entry in the answer.
        name: Of the payload's attribute.
        parts: Of each of them; bytes are an entry that is always the same.
    """

    start: bytes
    name: str
    parts: list[Part | bytes]


def start_of(node: FieldNode) -> bytes:
    """Return the start of a field's entry in the answer: its key."""
    return f'"{(node.alias or node.name).value}":'.encode()


def parts_of(
    payload: GraphQLObjectType, node: FieldNode, document: DocumentNode
) -> list[Part | Items | bytes]:
    """Return what is selected of a payload; bytes are an entry that is always the same.

    Raises:
        LongRoad: It is more than single fields of their own.
    """
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    parts: dict[bytes, Part | Items | bytes] = {}
    for each in node.selection_set.selections if node.selection_set else ():
        if not isinstance(each, FieldNode) or each.directives or start_of(each) in parts:
            raise LongRoad  # a field that is asked for twice is merged
        start = start_of(each)
        below = _payload_of_items(payload, each)
        if below is None:
            parts[start] = _part(payload, each, fragments)
            continue
        inner: list[Part | bytes] = []
        for part in parts_of(below, each, document):
            if isinstance(part, Items):
                raise LongRoad
            inner.append(part)
        name = payload.fields[each.name.value].extensions[STRAWBERRY].python_name
        parts[start] = Items(start, name, inner)
    return list(parts.values())


def asked_once(parts: Sequence[Part | Items | bytes]) -> dict[str, Part]:
    """Return the payload's fields by their names; not those that have several entries."""
    own = [each for each in parts if isinstance(each, Part)]
    times = Counter(each.name for each in own)
    return {each.name: each for each in own if times[each.name] == 1}


def _payload_of_items(payload: GraphQLObjectType, node: FieldNode) -> GraphQLObjectType | None:
    """Return the type of the payloads that a field lists; None if it is another kind of field."""
    field = payload.fields.get(node.name.value)
    nullable = get_nullable_type(field.type) if field else None
    item = get_nullable_type(nullable.of_type) if isinstance(nullable, GraphQLList) else None
    if isinstance(item, GraphQLObjectType) and "errors" in item.fields:
        return item
    return None


def _part(
    payload: GraphQLObjectType, node: FieldNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Part | bytes:
    start = start_of(node)
    if node.name.value == TYPENAME:
        return start + orjson.dumps(payload.name)
    field = payload.fields[node.name.value]
    declared = field.extensions.get(STRAWBERRY)
    if not isinstance(declared, StrawberryField) or not declared.is_basic_field:
        raise LongRoad
    nullable = get_nullable_type(field.type)
    return Part(
        start,
        declared.python_name,
        place_of([node]),
        used_variables([node], fragments),
        nullable if is_leaf_type(nullable) else None,
        is_list_type(nullable),
        is_dense(field.type),
        not isinstance(field.type, GraphQLNonNull),
    )

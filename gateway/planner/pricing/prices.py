"""Operations into prices: what each field reads, by where the planner finds it.

An operation's price is the number of rows that it reads if every page is full. A row counts once,
whatever of it is selected; a connection counts once for itself, as its counts are queries too. What
stands in the same row as what it is selected of costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
)

from gateway.planner.catalog import STRAWBERRY, Catalog
from gateway.planner.declare import SIZING
from gateway.planner.paging import PAGE
from gateway.planner.pricing.collecting import Asked, Collector
from gateway.planner.pricing.price import Price
from gateway.planner.pricing.sizes import Size, size_of
from gateway.planner.pricing.sums import Count, Sum, Term
from gateway.planner.sources import Derived, Many, Sizing, Source, Trail

# Lists without pages are of few rows: the blobs of an object, what a document was made from. Nobody
# says how many, so each is taken for as many as this.
ASSUMED = 10

_EMPTY = 0  # the place of the sum of nothing
_READ_BY = {"nodes", "edges", "pageInfo"}  # what of a connection takes its rows
_EDGE = {"cursor", "node"}


class Prices:
    """Prices the operations of a schema.

    Args:
        maximum: The most that one may cost.
    """

    def __init__(self, schema: GraphQLSchema, catalog: Catalog, *, maximum: int) -> None:
        self.maximum = maximum
        self._schema = schema
        self._catalog = catalog

    def of(self, document: DocumentNode, definition: OperationDefinitionNode) -> Price:
        """Return the price of an operation of a valid document."""
        summing = _Summing(self._schema, self._catalog, document, definition)
        root = self._schema.get_root_type(definition.operation)
        sums = summing.sums_of(root, definition.selection_set) if root else [()]
        booleans = {
            each.variable.name.value: each.default_value.value
            for each in definition.variable_definitions or ()
            if isinstance(each.default_value, BooleanValueNode)
        }
        return Price(sums, booleans, maximum=self.maximum)


class _Summing:
    """Sums up what is selected; a selection that is met again has its sum already."""

    def __init__(
        self,
        schema: GraphQLSchema,
        catalog: Catalog,
        document: DocumentNode,
        definition: OperationDefinitionNode,
    ) -> None:
        self._schema = schema
        self._catalog = catalog
        fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        self._collector = Collector(schema, fragments)
        self._defaults = {
            each.variable.name.value: each.default_value
            for each in definition.variable_definitions or ()
        }
        self._sums: list[Sum] = [()]
        self._places: dict[object, int] = {}
        self._terms: dict[object, list[Term]] = {}

    def sums_of(self, root: GraphQLObjectType, selected: SelectionSetNode) -> Sequence[Sum]:
        """Return the sum of an operation, after all that it needs."""
        self._place(root, [selected], None)
        return self._sums

    def _place(
        self, named: GraphQLNamedType, sets: Sequence[SelectionSetNode], handed: Size | None
    ) -> int:
        """Return the place of the sum of what is selected of a type.

        Args:
            handed: How long lists directly in it are.
        """
        key = (named.name, tuple(map(id, sets)), handed)
        place = self._places.get(key)
        if place is None:
            each: Sum = [self._of(type_, sets, handed) for type_ in self._objects(named)]
            if any(each):
                self._sums.append(each)
                place = len(self._sums) - 1
            self._places[key] = place = place or _EMPTY
        return place

    def _of(
        self, parent: GraphQLObjectType, sets: Sequence[SelectionSetNode], handed: Size | None
    ) -> list[Term]:
        asked = self._collector.fields(parent, sets)
        # Other selections may come to the same fields: fragments that multiply one another do.
        key = (parent.name, tuple((each.key, each.identity) for each in asked), handed)
        terms = self._terms.get(key)
        if terms is None:
            found = [self._term(parent, each, handed) for each in asked]
            terms = self._terms[key] = [each for each in found if each]
        return terms

    def _term(self, parent: GraphQLObjectType, asked: Asked, handed: Size | None) -> Term | None:
        """Return what a field costs; None if that is nothing, whatever the variables are."""
        node = asked.nodes[0]
        field = parent.fields.get(node.name.value)
        if field is None or not is_composite_type(get_named_type(field.type)):
            return None  # what is known of types, and values
        source = self._source(parent, node)
        sizing = _sizing(field, source)
        size = size_of(sizing, node, self._defaults) if sizing else None
        named = get_named_type(field.type)
        sets = [each.selection_set for each in asked.nodes if each.selection_set]
        is_list = is_list_type(get_nullable_type(field.type))
        below = self._place(named, sets, None if is_list else size)
        once = 0
        rows: Count = 0
        times: Count = 1
        if isinstance(source, Many | Derived):
            once = 1
            if isinstance(source, Derived) or self._reads_page(named, sets):
                rows = size or 0
        elif is_list:
            times = size or handed or ASSUMED
            rows = times if self._is_row(named) and not handed else 0
        elif self._is_row(named) and not parent.fields.keys() >= _EDGE:
            once = 1
        if not (once or rows or below):
            return None
        return Term(
            asked.key,
            node.alias or node.name,
            asked.conditions,
            once,
            _folded(rows),
            _folded(times),
            below,
            size,
        )

    def _source(self, parent: GraphQLObjectType, node: FieldNode) -> Source | None:
        planned = self._catalog.types.get(parent.name)
        found = planned.fields.get(node.name.value) if planned else None
        return found.source if found else None

    def _reads_page(self, connection: Any, sets: Sequence[SelectionSetNode]) -> bool:
        asked = self._collector.fields(connection, sets)
        return any(node.name.value in _READ_BY for each in asked for node in each.nodes)

    def _is_row(self, named: GraphQLNamedType) -> bool:
        """Tell whether what a field gives has to be looked for: it stands in no other row."""
        types = (self._catalog.types.get(each.name) for each in self._objects(named))
        return any(each is not None and each.rows is not None for each in types)

    def _objects(self, named: GraphQLNamedType) -> Sequence[GraphQLObjectType]:
        if is_abstract_type(named):
            return self._schema.get_possible_types(named)
        return [named] if isinstance(named, GraphQLObjectType) else []


def _sizing(field: GraphQLField, source: Source | None) -> Sizing | None:
    if isinstance(source, Many | Trail):
        return PAGE
    if isinstance(source, Derived):
        return source.sizing
    declared = field.extensions.get(STRAWBERRY)
    sizing: Sizing | None = declared.metadata.get(SIZING) if declared else None
    return sizing


def _folded(count: Count) -> Count:
    """Return the number of a size in which no variable has a say."""
    if isinstance(count, Size) and count.fixed is not None:
        return count.fixed
    return count

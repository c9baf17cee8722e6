"""The start-up audit: refuses declarations that a query would find ignored, untrue or unreadable.

It knows what types, tables and expressions say. What it cannot know is the duty of those who write
the rows and the expressions: that records in a jsonb column have the values that their type
promises, that arrays have no NULL among their members, that a jsonb column holds no `null`, and
that what a `!` promises is found where an expression, `one(on=…)` or a derived query looks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)
from sqlalchemy import Table
from strawberry.types.field import StrawberryField

from gateway.planner.audit.connections import connection_problems, own_types
from gateway.planner.audit.ignored import ignored, ignored_resolver
from gateway.planner.audit.listings import listing_problems
from gateway.planner.audit.places import ROOT, Place, Row, is_connection
from gateway.planner.audit.sources import SourceAudit, built
from gateway.planner.audit.tables import NAMESPACE, has_index, in_namespace
from gateway.planner.catalog import STRAWBERRY, Catalog
from gateway.planner.declare import PLANNED, SOURCE
from gateway.planner.declared import CALLER
from gateway.planner.sources import Many, Planned


class WrongDeclarations(Exception):
    """The schema declares what cannot be read as it says; ``problems`` has a line for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n  ".join(["the schema cannot be read as it is declared:", *problems]))
        self.problems = tuple(problems)


def audit(schema: GraphQLSchema, catalog: Catalog) -> None:
    """Check everything that the planner reads.

    Raises:
        WrongDeclarations: lists all problems, by type and field.
    """
    problems = _Audit(schema, catalog).run()
    if problems:
        raise WrongDeclarations(problems)


class _Audit:
    """Walks from entities and roots to everything that is read."""

    def __init__(self, schema: GraphQLSchema, catalog: Catalog) -> None:
        self._schema = schema
        self._catalog = catalog
        self._sources = SourceAudit(catalog, self._visit)
        self._visited: set[tuple[str, str]] = set()
        # A dict, for its order: what is read from two places has the same problem once.
        self._problems: dict[str, None] = {}

    def run(self) -> list[str]:
        """Return all problems, each once."""
        for name, planned, table in self._entities():
            self._report(name, _entity_problems(planned, table))
            self._visit(name, Row(table.name, table.c, table, planned.scope))
        self._visit_roots()
        self._compare_prefixes()
        return list(self._problems)

    def _types(self) -> Iterator[tuple[GraphQLObjectType, Planned | None]]:
        """Return all types that are ours, and what is declared of those that rows are read as."""
        for each in self._schema.type_map.values():
            if isinstance(each, GraphQLObjectType) and STRAWBERRY in each.extensions:
                yield each, vars(each.extensions[STRAWBERRY].origin).get(PLANNED)

    def _entities(self) -> Iterator[tuple[str, Planned, Table]]:
        for each, planned in self._types():
            if planned is not None and planned.table is not None:
                yield each.name, planned, planned.table

    def _report(self, place: str, texts: Iterable[str]) -> None:
        self._problems.update(dict.fromkeys(f"{place}: {text}" for text in texts))

    def _visit(self, type_name: str, row: Row) -> None:
        """Check a type's fields over a row; again if it is read from another kind of row."""
        if (type_name, row.title) in self._visited:
            return
        self._visited.add((type_name, row.title))
        graphql_type = self._schema.type_map[type_name]
        if isinstance(graphql_type, GraphQLObjectType):
            for name, field in graphql_type.fields.items():
                self._report(f"{type_name}.{name}", ignored(_declared(field)))
                self._check(type_name, name, field, row)

    def _visit_roots(self) -> None:
        """Check the planned fields of types that are read from no row: of Query, of payloads."""
        visited = {type_name for type_name, _ in self._visited}
        for each, planned in self._types():
            if planned is None and each.name not in visited:
                for name, field in each.fields.items():
                    if SOURCE in _declared(field).metadata:
                        self._report(f"{each.name}.{name}", ignored_resolver(_declared(field)))
                        self._check(each.name, name, field, ROOT)

    def _check(self, type_name: str, name: str, field: GraphQLField, row: Row) -> None:
        planned = self._catalog.types.get(type_name)
        found = planned.fields.get(name) if planned else None
        if found is None:
            return  # it has a resolver, as is told already
        at = Place(f"{type_name}.{name}", field, found.types, row)
        self._report(at.name, self._sources.problems(found.source, at))
        if isinstance(found.source, Many):
            self._check_list(at)

    def _check_list(self, at: Place) -> None:
        connection = get_named_type(at.field.type)
        planned = self._catalog.types.get(at.types[0]) if at.types else None
        table = planned.planned.table if planned else None
        if not is_connection(connection) or table is None:
            return  # as is told already
        for part, _ in own_types(connection):
            for name, field in part.fields.items():
                self._report(f"{part.name}.{name}", ignored(_declared(field)))
        for place, text in chain(
            connection_problems(connection, table), listing_problems(at.field, table)
        ):
            self._report(place, [text])

    def _compare_prefixes(self) -> None:
        """Check that ids tell the type of what they name."""
        owners: dict[str, str] = {}
        for name, planned, _ in self._entities():
            if planned.prefix is not None:
                owner = owners.setdefault(planned.prefix, name)
                if owner != name:
                    self._report(name, [f"its ids begin with {planned.prefix}, as {owner}'s do"])


def _entity_problems(planned: Planned, table: Table) -> Iterator[str]:
    if planned.scope is not None:
        yield from built(table.name, "the scope", planned.scope, table.c, CALLER)
    elif NAMESPACE not in table.c:
        yield f"{table.name} has no column {NAMESPACE}, so it needs a scope: who may see which rows"
    if planned.named is not None:
        yield from built(table.name, "the predicate `named`", planned.named, table.c)
    key = in_namespace(table, "id")
    if "id" in table.c and not has_index(table, *key):
        yield f"{table.name} has no index that begins with ({', '.join(key)})"


def _declared(field: GraphQLField) -> StrawberryField:
    declared: StrawberryField = field.extensions[STRAWBERRY]
    return declared

"""What `lineage` is asked for: everything above and below one object or document, nearest first.

Each document has one parent, an object or another document, so the graph is a tree and has no
cycle.
"""

from __future__ import annotations

from collections.abc import Callable

import strawberry
from sqlalchemy import Boolean, DateTime, Integer

from gateway.database.base import IdText
from gateway.enums import Word, words
from gateway.errors import BadUserInput
from gateway.lineage.walking import Asked, graph_sql
from gateway.planner.declare import Argument
from gateway.planner.sources import DerivedQuery, DerivedRows, Sizing
from gateway.planner.sql import TEXTS, Relation

DEEPEST = 100
MOST_NODES = 10_000
MOST_COLLECTIONS = 1000
_DEPTH = 10


@words("Which way to follow lineage.")
class LineageDirection(Word):
    UPSTREAM = "UPSTREAM", "Towards the root: what it was made from."
    DOWNSTREAM = "DOWNSTREAM", "Away from the root: what was made from it."
    BOTH = "BOTH", "Both ways."


_ROWS = Relation.of_types(
    "lineage",
    {
        "namespace_id": IdText(),
        "id": IdText(),
        "parent_id": IdText(),
        "collection_id": IdText(),
        "created_at": DateTime(timezone=True),
        "distance": Integer(),
        "goes_on": Boolean(),
        "cut": Boolean(),
    },
)


def lineage_arguments(direction: LineageDirection, most_nodes: int) -> dict[str, Argument]:
    """Return the arguments of a `lineage` field, with its defaults."""
    return {
        "direction": Argument(LineageDirection | None, direction, "Which way to go."),
        "depth": Argument(int | None, _DEPTH, f"How many steps, at most: 0 to {DEEPEST}."),
        "max_nodes": Argument(
            int | None, most_nodes, f"How many nodes, at most: 1 to {MOST_NODES}."
        ),
        "collection_ids": Argument(
            list[strawberry.ID] | None,
            None,
            f"Only documents of these collections, at most {MOST_COLLECTIONS}, besides objects and"
            " what it starts from. The others are walked through, and count as steps.",
        ),
    }


def lineage_sizing(most_nodes: int) -> Sizing:
    """Return how many nodes a `lineage` field has, with its default."""
    return Sizing(("maxNodes",), most_nodes, MOST_NODES)


def lineage_query(
    direction: LineageDirection, most_nodes: int
) -> Callable[[DerivedQuery], DerivedRows]:
    """Return the builder of a `lineage` field, with its defaults for arguments that are null."""

    def build(query: DerivedQuery) -> DerivedRows:
        way: LineageDirection = query.arguments.get("direction") or direction
        collections = None
        if query.arguments.get("collection_ids") is not None:
            collections = str(query.bind("collection_ids", TEXTS, _few_enough))
        depth = query.bind("depth", Integer(), _bounded("depth", _DEPTH, 0, DEEPEST))
        most = query.bind("max_nodes", Integer(), _bounded("maxNodes", most_nodes, 1, MOST_NODES))
        asked = Asked(
            start=str(query.start),
            namespace=str(query.namespace_id),
            depth=str(depth),
            most=str(most),
            up=way != LineageDirection.DOWNSTREAM,
            down=way != LineageDirection.UPSTREAM,
            collections=collections,
        )
        return DerivedRows(graph_sql(asked), _ROWS)

    return build


def _bounded(name: str, default: int, least: int, most: int) -> Callable[[int | None], int]:
    def check(value: int | None) -> int:
        if value is None:
            return default
        if not least <= value <= most:
            raise BadUserInput(f"{name} is {value}; it has to be {least} to {most}")
        return value

    return check


def _few_enough(ids: list[str]) -> list[str]:
    if len(ids) > MOST_COLLECTIONS:
        raise BadUserInput(f"collectionIds has {len(ids)} entries; the most is {MOST_COLLECTIONS}")
    return ids

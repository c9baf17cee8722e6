"""The query behind `lineage`: everything above and below one object or document, nearest first.

Each document has one parent, an object or another document, so the graph is a tree and has no
cycle.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Boolean, DateTime, Integer

from gateway.database.base import IdText
from gateway.enums import Word, words
from gateway.errors import BadUserInput
from gateway.planner.declare import Argument
from gateway.planner.sources import DerivedQuery, DerivedRows
from gateway.planner.sql import Relation

DEEPEST = 100
MOST_NODES = 10_000
_DEPTH = 10


@words("Which way to follow lineage.")
class LineageDirection(Word):
    UPSTREAM = "UPSTREAM", "Towards the root: what it was made from."
    DOWNSTREAM = "DOWNSTREAM", "Away from the root: what was made from it."
    BOTH = "BOTH", "Both ways."


# PostgreSQL makes the rows of a recursive query as they are read, level by level, and stops at the
# limit, so
# `every` is never larger than what is asked for. `goes_on` marks nodes where the depth ends and
# the lineage does not.
_QUERY = """\
WITH RECURSIVE start AS (
  SELECT id, coalesce(source_document_id, source_object_id) AS parent_id, collection_id,
  created_at, 0 AS distance
  FROM documents WHERE namespace_id = {namespace} AND id = {start}
  UNION ALL
  SELECT id, NULL, NULL, created_at, 0
  FROM objects WHERE namespace_id = {namespace} AND id = {start}
), above AS (
  SELECT * FROM start
  UNION ALL
  SELECT found.* FROM above CROSS JOIN LATERAL (
    SELECT id, coalesce(source_document_id, source_object_id), collection_id, created_at,
    above.distance + 1
    FROM documents WHERE namespace_id = {namespace} AND id = above.parent_id
    UNION ALL
    SELECT id, NULL, NULL, created_at, above.distance + 1
    FROM objects WHERE namespace_id = {namespace} AND id = above.parent_id
  ) AS found WHERE above.distance < {depth}
), below AS (
  SELECT * FROM start
  UNION ALL
  SELECT found.* FROM below CROSS JOIN LATERAL (
    SELECT id, below.id, collection_id, created_at, below.distance + 1
    FROM documents WHERE namespace_id = {namespace} AND source_object_id = below.id
    UNION ALL
    SELECT id, below.id, collection_id, created_at, below.distance + 1
    FROM documents WHERE namespace_id = {namespace} AND source_document_id = below.id
  ) AS found WHERE below.distance < {depth}
), every AS ({parts}), counted AS (
  SELECT count(*) AS nodes FROM (SELECT FROM every LIMIT {most} + 1) AS first
)
SELECT {namespace} AS namespace_id, id, parent_id, collection_id, created_at, distance,
  distance >= {depth} AND ({ends}) AS goes_on, (SELECT nodes FROM counted) > {most} AS cut
FROM every LIMIT {most}"""

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

_PARTS = {
    LineageDirection.UPSTREAM: "SELECT *, true AS is_above FROM above",
    LineageDirection.DOWNSTREAM: "SELECT *, false AS is_above FROM below",
    LineageDirection.BOTH: (
        "SELECT *, true AS is_above FROM above"
        " UNION ALL SELECT *, false FROM below WHERE distance > 0"
    ),
}
_GOES_UP = "parent_id IS NOT NULL"
_GOES_DOWN = (
    "EXISTS (SELECT FROM documents AS child WHERE child.namespace_id = {namespace}"
    " AND child.source_document_id = every.id)"
    " OR EXISTS (SELECT FROM documents AS child WHERE child.namespace_id = {namespace}"
    " AND child.source_object_id = every.id)"
)
_ENDS = {
    LineageDirection.UPSTREAM: _GOES_UP,
    LineageDirection.DOWNSTREAM: _GOES_DOWN,
    LineageDirection.BOTH: (
        f"is_above AND {_GOES_UP} OR (distance = 0 OR NOT is_above) AND ({_GOES_DOWN})"
    ),
}


def lineage_arguments(direction: LineageDirection, most_nodes: int) -> dict[str, Argument]:
    """Return the arguments of a `lineage` field, with its defaults."""
    return {
        "direction": Argument(LineageDirection | None, direction, "Which way to go."),
        "depth": Argument(int | None, _DEPTH, f"How many steps, at most: 0 to {DEEPEST}."),
        "max_nodes": Argument(
            int | None, most_nodes, f"How many nodes, at most: 1 to {MOST_NODES}."
        ),
    }


def lineage_query(
    direction: LineageDirection, most_nodes: int
) -> Callable[[DerivedQuery], DerivedRows]:
    """Return the builder of a `lineage` field, with its defaults for arguments that are null."""

    def build(query: DerivedQuery) -> DerivedRows:
        way: LineageDirection = query.arguments.get("direction") or direction
        names = {
            "start": query.start,
            "namespace": query.namespace_id,
            "depth": query.bind("depth", Integer(), _bounded("depth", _DEPTH, 0, DEEPEST)),
            "most": query.bind(
                "max_nodes", Integer(), _bounded("maxNodes", most_nodes, 1, MOST_NODES)
            ),
        }
        ends = _ENDS[way].format(**names)
        return DerivedRows(_QUERY.format(**names, parts=_PARTS[way], ends=ends), _ROWS)

    return build


def _bounded(name: str, default: int, least: int, most: int) -> Callable[[int | None], int]:
    def check(value: int | None) -> int:
        if value is None:
            return default
        if not least <= value <= most:
            raise BadUserInput(f"{name} is {value}; it has to be {least} to {most}")
        return value

    return check

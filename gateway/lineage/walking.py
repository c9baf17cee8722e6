"""The SQL that walks lineage, up and down from one object or document.

What is not shown is walked through all the same. Below the start, the parent of a row is the
nearest above it that is shown, so what is shown stays connected.
"""

from __future__ import annotations

from typing import NamedTuple

# PostgreSQL makes the rows of a recursive query as they are read, level by level, and stops at the
# limit, so `every` is never larger than what is asked for. `goes_on` marks nodes where the depth
# ends and what is asked for does not.
_QUERY = """\
WITH RECURSIVE start AS (
  SELECT id, coalesce(source_document_id, source_object_id) AS parent_id, collection_id,
  created_at, 0 AS distance, true AS is_shown
  FROM documents WHERE namespace_id = {namespace} AND id = {start}
  UNION ALL
  SELECT id, NULL, NULL, created_at, 0, true
  FROM objects WHERE namespace_id = {namespace} AND id = {start}
), {walks}, every AS (
  {every}
), counted AS (
  SELECT count(*) AS nodes FROM (SELECT FROM every LIMIT {most} + 1) AS first
)
SELECT {namespace} AS namespace_id, id, parent_id, collection_id, created_at, distance,
  {goes_on} AS goes_on, (SELECT nodes FROM counted) > {most} AS cut
FROM every LIMIT {most}"""

_WALK = """{walk} AS (
  SELECT * FROM {origin}
  UNION ALL
  SELECT found.* FROM {walk} CROSS JOIN LATERAL ({step}) AS found{until}
)"""
_UP = """
    SELECT id, coalesce(source_document_id, source_object_id), collection_id, created_at,
    {walk}.distance + 1, {fits}
    FROM documents WHERE namespace_id = {namespace} AND id = {walk}.parent_id
    UNION ALL
    SELECT id, NULL, NULL, created_at, {walk}.distance + 1, true
    FROM objects WHERE namespace_id = {namespace} AND id = {walk}.parent_id
  """
_DOWN = """
    SELECT id, {parent},
    collection_id, created_at, {walk}.distance + 1, {fits}
    FROM documents WHERE namespace_id = {namespace} AND source_object_id = {walk}.id
    UNION ALL
    SELECT id, {parent},
    collection_id, created_at, {walk}.distance + 1, {fits}
    FROM documents WHERE namespace_id = {namespace} AND source_document_id = {walk}.id
  """
_SHOWN_PARENT = "CASE WHEN {walk}.is_shown THEN {walk}.id ELSE {walk}.parent_id END"

_ABOVE = """SELECT id, parent_id, collection_id, created_at, distance, true AS is_above
  FROM {above}"""
_BELOW = """SELECT id, parent_id, collection_id, created_at, distance, false AS is_above
  FROM below WHERE is_shown AND distance >= {least}"""
# Upwards there is one row for each step: the parent that is shown is the next row that is.
_SHOWN_ABOVE = """(
    SELECT id, lead(id) OVER (ORDER BY distance) AS parent_id, collection_id, created_at, distance
    FROM above WHERE is_shown
  ) AS above"""

_DEPTH_ENDS = "distance >= {depth} AND ({ends})"
_GOES_UP = "parent_id IS NOT NULL"
_GOES_DOWN = (
    "EXISTS (SELECT FROM documents AS child WHERE child.namespace_id = {namespace}"
    " AND child.source_document_id = every.id)"
    " OR EXISTS (SELECT FROM documents AS child WHERE child.namespace_id = {namespace}"
    " AND child.source_object_id = every.id)"
)
_IS_FURTHER = "EXISTS (SELECT FROM further_{way} WHERE distance > {depth} AND is_shown)"


class Asked(NamedTuple):
    """What a graph is asked for; the texts are parameters, or columns of the field's own row.

    Args:
        up: Whether to go towards the root.
        down: Whether to go away from it.
        collections: Whose documents are shown; None: everyone's.
    """

    start: str
    namespace: str
    depth: str
    most: str
    up: bool
    down: bool
    collections: str | None


def graph_sql(asked: Asked) -> str:
    """Return the query of a graph's rows, the start first."""
    walks, every = [], []
    if asked.up:
        walks.append(_walk(asked, "above", "start", _UP))
        above = "above" if asked.collections is None else _SHOWN_ABOVE
        every.append(_ABOVE.format(above=above))
    if asked.down:
        walks.append(_walk(asked, "below", "start", _DOWN))
        every.append(_BELOW.format(least=1 if asked.up else 0))  # the start is there once
    goes_on = _goes_on_anywhere(asked)
    if asked.collections is not None:
        walks += _further(asked)
        goes_on = _shown_goes_on(asked)
    return _QUERY.format(
        **asked._asdict(),
        walks=", ".join(walks),
        every="\n  UNION ALL\n  ".join(every),
        goes_on=goes_on,
    )


def _walk(asked: Asked, walk: str, origin: str, step: str, *, is_bounded: bool = True) -> str:
    fits = "true" if asked.collections is None else f"collection_id = ANY ({asked.collections})"
    found = step.format(
        walk=walk, namespace=asked.namespace, fits=fits, parent=_SHOWN_PARENT.format(walk=walk)
    )
    until = f" WHERE {walk}.distance < {asked.depth}" if is_bounded else ""
    return _WALK.format(walk=walk, origin=origin, step=found, until=until)


def _goes_on_anywhere(asked: Asked) -> str:
    """Return whether a row has any row beyond the depth."""
    down = _GOES_DOWN.format(namespace=asked.namespace)
    ends = _GOES_UP if asked.up else down
    if asked.up and asked.down:
        ends = f"is_above AND {_GOES_UP} OR (distance = 0 OR NOT is_above) AND ({down})"
    return _DEPTH_ENDS.format(depth=asked.depth, ends=ends)


def _further(asked: Asked) -> list[str]:
    """Return walks on from where the depth ends, read no further than to the first row shown."""
    ways = [("up", "above", _UP)] * asked.up + [("down", "below", _DOWN)] * asked.down
    return [
        _walk(
            asked,
            f"further_{way}",
            f"{walk} WHERE distance = {asked.depth}",
            step,
            is_bounded=False,
        )
        for way, walk, step in ways
    ]


def _shown_goes_on(asked: Asked) -> str:
    """Return whether any row is shown beyond the depth; the start stands for all."""
    ways = ["up"] * asked.up + ["down"] * asked.down
    further = " OR ".join(_IS_FURTHER.format(way=way, depth=asked.depth) for way in ways)
    return f"distance = 0 AND ({further})"

"""The graph of what was made from what, as the schema shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Text, case, func, literal_column, not_, or_, select
from sqlalchemy.sql import ColumnElement

from gateway.collections.tables import CollectionRow
from gateway.documents.tables import DocumentRow
from gateway.events.cursors import EventCursor
from gateway.events.places import cursor_of_read
from gateway.planner.declare import any_node, column, embedded_type, members, sql
from gateway.planner.node import Node
from gateway.planner.sources import Columns, Predicate


def extractor_id(collection: Any) -> ColumnElement[str]:
    """Return the id of a collection's extractor: its name and version, as in `face_detector_v2`."""
    return func.concat(
        collection.extractor_name, literal_column("'_'"), collection.extractor_version, type_=Text
    )


def _child_count(node: Columns) -> ColumnElement[int]:
    counts: list[Any] = [
        select(func.count())
        .select_from(DocumentRow)
        .where(DocumentRow.namespace_id == node.namespace_id, parent == node.id)
        .scalar_subquery()
        for parent in (DocumentRow.source_object_id, DocumentRow.source_document_id)
    ]
    total: ColumnElement[int] = counts[0] + counts[1]
    return total


def _extractor_of(edge: Columns) -> ColumnElement[str]:
    return (
        select(extractor_id(CollectionRow))
        .where(
            CollectionRow.namespace_id == edge.namespace_id, CollectionRow.id == edge.collection_id
        )
        .scalar_subquery()
    )


def _is_edge(node: Columns, every: Columns) -> Predicate:
    return node.parent_id.in_(select(every.id))  # type: ignore[no-any-return]


def _root(every: Columns) -> ColumnElement[str]:
    return select(every.id).where(every.distance == 0).scalar_subquery()


def _is_complete(every: Columns) -> ColumnElement[bool]:
    return not_(select(every.id).where(or_(every.cut, every.goes_on)).exists())


def _truncated_by(every: Columns) -> ColumnElement[str]:
    reason = case(
        (func.bool_or(every.cut), literal_column("'maxNodes'", Text)),
        (func.bool_or(every.goes_on), literal_column("'depth'", Text)),
    )
    return select(reason).scalar_subquery()


@embedded_type(description="An object or document in a graph.")
class LineageNode:
    node: Node = any_node(
        "id", types=("BucketObject", "Document"), description="The object or document."
    )
    distance: int = strawberry.field(description="How many steps from the graph's root.")
    child_count: int = sql(
        _child_count, description="How many documents were made directly from it."
    )


@embedded_type(description="One thing made from another.")
class LineageEdge:
    from_: strawberry.ID = column(
        "parent_id",
        name="from",
        description=(
            "What it was made from; where `collectionIds` leave that out, the nearest above it that"
            " they do not."
        ),
    )
    to: strawberry.ID = column("id", description="What was made.")
    feature_extractor_id: str | None = sql(
        _extractor_of, description="What made it: the extractor's name and version."
    )
    collection_id: strawberry.ID | None = strawberry.field(description="Where it was put.")
    at: datetime | None = column("created_at", description="When it was made.")


@embedded_type(description="What was made from what: each node and each edge once, nearest first.")
class LineageGraph:
    root: strawberry.ID = sql(_root, description="Where the graph starts.")
    nodes: list[LineageNode] = members(
        order=("distance", "id"), description="Objects and documents, the root first."
    )
    edges: list[LineageEdge] = members(
        order=("distance", "id"),
        where=_is_edge,
        description="Between the nodes of this graph.",
    )
    complete: bool = sql(
        _is_complete, description="Whether nothing that was asked for was left out."
    )
    truncated_by: str | None = sql(
        _truncated_by,
        description="What left something out: `depth` or `maxNodes`; null if complete.",
    )
    watermark: EventCursor = cursor_of_read(
        "Follow from here, and no change is missed; the first ones may be in this graph already."
    )

"""Collections, as the schema shows them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from sqlalchemy import BigInteger, Text, func, literal_column, select, types
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import ColumnElement

from gateway import listings
from gateway.collections.tables import CollectionRow, CollectionSourceRow, CollectionTallyRow
from gateway.enums import SourceType
from gateway.payloads import REPLAYED
from gateway.planner.declare import (
    column,
    embedded,
    embedded_type,
    entity,
    many,
    record,
    sql,
    through,
    unnested,
)
from gateway.planner.node import Node, PageInfo
from gateway.planner.sources import Columns
from gateway.scalars import JSON
from gateway.user_errors import UserError

if TYPE_CHECKING:
    from gateway.documents.types import DocumentConnection


def _document_count(collection: Columns) -> ColumnElement[int]:
    return (
        select(func.coalesce(func.sum(CollectionTallyRow.documents), 0, type_=BigInteger))
        .where(
            CollectionTallyRow.namespace_id == collection.namespace_id,
            CollectionTallyRow.collection_id == collection.id,
        )
        .scalar_subquery()
    )


def _source_ids(
    collection: Columns, named: InstrumentedAttribute[str | None]
) -> ColumnElement[object]:
    ids = func.json_agg(aggregate_order_by(named, CollectionSourceRow.position))
    found = (
        select(ids.filter(named.is_not(None)))
        .where(
            CollectionSourceRow.namespace_id == collection.namespace_id,
            CollectionSourceRow.collection_id == collection.id,
        )
        .scalar_subquery()
    )
    return func.coalesce(found, literal_column("'[]'::json"), type_=types.JSON)


@embedded_type(description="What feeds a collection.")
class CollectionSource:
    type: SourceType = column("source_type", description="BUCKET or COLLECTION.")
    bucket_ids: list[strawberry.ID] = sql(
        lambda row: _source_ids(row, CollectionSourceRow.bucket_id),
        description="The buckets; empty when collections feed it.",
    )
    collection_ids: list[strawberry.ID] = sql(
        lambda row: _source_ids(row, CollectionSourceRow.source_collection_id),
        description="The collections; empty when buckets feed it.",
    )


@record("A value that is handed on from the source.", source_path=Text(), target_path=Text())
class FieldPassthrough:
    source_path: str = strawberry.field(description="Where it stands in the source.")
    target_path: str | None = strawberry.field(
        description="Where it goes in the document; null: the same path."
    )


@embedded_type(description="What makes a collection's documents.")
class FeatureExtractor:
    name: str = column("extractor_name", description="Its name.")
    version: str = column("extractor_version", description="Its version.")
    input_mappings: JSON = strawberry.field(description="Which path feeds which input.")
    field_passthrough: list[FieldPassthrough] = unnested(
        "field_passthrough", description="Values that are handed on."
    )
    parameters: JSON = strawberry.field(description="Its settings.")


@entity(CollectionRow, "col", description="What an extractor makes of buckets or collections.")
class Collection(Node):
    collection_id: strawberry.ID = column("id", description="The same as `id`.")
    collection_name: str = strawberry.field(description="Unique in the namespace.")
    enabled: bool = strawberry.field(description="Whether runs feed it.")
    source: CollectionSource = embedded(description="What feeds it.")
    feature_extractor: FeatureExtractor = embedded(description="What makes its documents.")
    document_count: int = sql(_document_count, description="How many documents it holds.")
    metadata: JSON = strawberry.field(description="Free keys.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last patched.")
    version: int = strawberry.field(description="Rises by one with each change.")
    upstream: list[Node] = through(
        CollectionSourceRow,
        "collection_id",
        targets={"bucket_id": "Bucket", "source_collection_id": "Collection"},
        order="position",
        description="The buckets or collections that feed it.",
    )
    downstream: list[Annotated[Collection, strawberry.lazy("gateway.collections.types")]] = through(
        CollectionSourceRow,
        "source_collection_id",
        targets={"collection_id": "Collection"},
        order="collection_id",
        description="The collections that it feeds.",
    )
    documents: Annotated[DocumentConnection, strawberry.lazy("gateway.documents.types")] = many(
        "collection_id",
        tallied=_document_count,
        listing=listings.DOCUMENTS,
        description="Its documents, in the order they came.",
    )


@strawberry.type(description="A collection in a list.")
class CollectionEdge:
    cursor: str = strawberry.field(description="Its place in the list.")
    node: Collection = strawberry.field(description="The collection.")


@strawberry.type(description="A page of collections.")
class CollectionConnection:
    edges: list[CollectionEdge] = strawberry.field(
        description="The collections with their cursors."
    )
    nodes: list[Collection] = strawberry.field(description="The collections alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    total_count: int = strawberry.field(description="How many there are; counted when selected.")


@strawberry.type(description="The collection, or why nothing was changed.")
class CollectionPayload:
    collection: Collection | None = strawberry.field(default=None, description="The collection.")
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )

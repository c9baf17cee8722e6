"""Namespaces and API keys, as the schema shows them."""

from __future__ import annotations

from datetime import datetime

import strawberry
from sqlalchemy import BigInteger, func, or_, select
from sqlalchemy.sql import ColumnElement

from gateway.buckets.tables import BucketRow, BucketTallyRow, stands
from gateway.collections.tables import CollectionTallyRow
from gateway.enums import KeyStatus, Permission
from gateway.events.cursors import EventCursor
from gateway.events.places import cursor_of_read
from gateway.namespaces.key_status import status_of
from gateway.namespaces.tables import ApiKeyRow, NamespaceRow
from gateway.payloads import REPLAYED
from gateway.planner.declare import entity, one, sql
from gateway.planner.node import Node
from gateway.planner.sources import CallerBinds, Columns, Predicate
from gateway.user_errors import UserError


def _own_namespace(namespace: Columns, caller: CallerBinds) -> Predicate:
    own: Predicate = namespace.id == caller.namespace_id
    return own


def _manageable_keys(key: Columns, caller: CallerBinds) -> Predicate:
    """Let a caller see the own key, and keys that reach no further than the own key does."""
    return or_(
        key.id == caller.key_id,
        caller.namespaces.is_(None),
        key.namespaces.op("<@")(caller.namespaces),
    )


def _buckets(namespace: Columns) -> ColumnElement[int]:
    return (
        select(func.count())
        .select_from(BucketRow)
        .where(BucketRow.namespace_id == namespace.id, stands(BucketRow))
        .scalar_subquery()
    )


def _objects(namespace: Columns) -> ColumnElement[int]:
    return (
        select(func.coalesce(func.sum(BucketTallyRow.objects), 0, type_=BigInteger))
        .where(BucketTallyRow.namespace_id == namespace.id)
        .scalar_subquery()
    )


def _documents(namespace: Columns) -> ColumnElement[int]:
    return (
        select(func.coalesce(func.sum(CollectionTallyRow.documents), 0, type_=BigInteger))
        .where(CollectionTallyRow.namespace_id == namespace.id)
        .scalar_subquery()
    )


@entity(
    NamespaceRow,
    "ns",
    scope=_own_namespace,
    description="A world of its own: everything but keys lives in exactly one namespace.",
)
class Namespace(Node):
    namespace_id: strawberry.ID = sql(lambda row: row.id, description="The same as `id`.")
    namespace_name: str = strawberry.field(description="Unique among all namespaces.")
    description: str | None = strawberry.field(description="For people.")
    bucket_count: int = sql(_buckets, description="How many buckets it has.")
    object_count: int = sql(_objects, description="How many objects its buckets hold.")
    document_count: int = sql(_documents, description="How many documents its collections hold.")
    created_at: datetime = strawberry.field(description="When it was made.")


@entity(
    ApiKeyRow,
    "key",
    scope=_manageable_keys,
    description="What opens the gateway. The secret itself is shown once, when it is made.",
)
class ApiKey(Node):
    name: str = strawberry.field(description="For people.")
    key_prefix: str = strawberry.field(description="The secret's first characters.")
    permissions: list[Permission] = strawberry.field(description="What it may do.")
    namespaces: list[strawberry.ID] | None = strawberry.field(
        description="The ids of the namespaces it may be used in; null: every one."
    )
    status: KeyStatus = sql(status_of, description="Whether it can be used.")
    expires_at: datetime | None = strawberry.field(description="When it stops to work.")
    last_used_at: datetime | None = strawberry.field(description="To the minute.")
    created_at: datetime = strawberry.field(description="When it was made.")


@entity(ApiKeyRow, scope=_manageable_keys, description="Who is asking, and where.")
class Viewer:
    namespace: Namespace = one(
        on=lambda namespace, _key, caller: namespace.id == caller.namespace_id,
        description="The namespace of the request.",
    )
    api_key: ApiKey = one("id", description="The key of the request.")
    event_cursor: EventCursor = cursor_of_read(
        "Follow from here, and no change from now on is missed; the first ones may be in what is"
        " read now."
    )


@strawberry.type(description="The new namespace, or why there is none.")
class NamespacePayload:
    namespace: Namespace | None = strawberry.field(default=None, description="The namespace.")
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )


@strawberry.type(description="The key, or why there is none.")
class ApiKeyPayload:
    api_key: ApiKey | None = strawberry.field(default=None, description="The key.")
    secret: str | None = strawberry.field(
        default=None, description="The secret, here and never again."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )

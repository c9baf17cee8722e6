"""Query, Mutation and Subscription: the root fields of all concepts, merged."""

from __future__ import annotations

import strawberry

from gateway.buckets.mutations import BucketMutations
from gateway.buckets.queries import BucketQueries
from gateway.collections.mutations import CollectionMutations
from gateway.collections.queries import CollectionQueries
from gateway.documents.mutations import DocumentMutations
from gateway.documents.queries import DocumentQueries
from gateway.events.subscriptions import EventSubscriptions
from gateway.lineage.queries import LineageQueries
from gateway.namespaces.mutations import NamespaceMutations
from gateway.namespaces.queries import NamespaceQueries
from gateway.objects.mutations import ObjectMutations
from gateway.objects.queries import ObjectQueries
from gateway.statuses.mutations import StatusMutations
from gateway.statuses.queries import StatusQueries
from gateway.uploads.mutations import UploadMutations
from gateway.uploads.queries import UploadQueries


@strawberry.type(description="Everything that can be read.")
class Query(
    NamespaceQueries,
    BucketQueries,
    ObjectQueries,
    CollectionQueries,
    DocumentQueries,
    UploadQueries,
    LineageQueries,
    StatusQueries,
):
    pass


@strawberry.type(description="Everything that can be changed.")
class Mutation(
    NamespaceMutations,
    BucketMutations,
    ObjectMutations,
    CollectionMutations,
    DocumentMutations,
    UploadMutations,
    StatusMutations,
):
    pass


@strawberry.type(description="Everything that can be followed.")
class Subscription(EventSubscriptions):
    pass

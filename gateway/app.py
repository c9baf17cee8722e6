"""Where everything is put together, into one aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from graphql import GraphQLError

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.noting import NotedBlobStore
from gateway.blobs.store import BlobStore
from gateway.caller import Caller
from gateway.context import Context
from gateway.database import revisions
from gateway.database.pool import Database
from gateway.errors import Unavailable
from gateway.events.cursors import EventCursors
from gateway.events.following import Follows
from gateway.events.hub import Hub
from gateway.events.sequencer import Sequencer
from gateway.fetching.addresses import Addresses
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.housekeeping import Housekeeper
from gateway.http.blobs import blob_routes
from gateway.http.bodies import expect_bodies
from gateway.http.clients import Clients
from gateway.http.door import Door
from gateway.http.headers import harden
from gateway.http.health import Check, health_routes
from gateway.http.live.admission import Admission
from gateway.http.live.key_watch import KeyWatch
from gateway.http.live.open_connections import OpenConnections
from gateway.http.live.parts import LiveParts
from gateway.http.live.rules import LiveRules
from gateway.http.metrics import metrics_route
from gateway.http.origins import Origins, allow_origins
from gateway.http.persisted import PersistedTexts
from gateway.http.request_ids import give_ids
from gateway.http.view import View
from gateway.limits import Limits
from gateway.measures import measure
from gateway.namespaces.authentication import Authenticator
from gateway.observing.blob_calls import BlobCalls
from gateway.observing.edge import Edge
from gateway.observing.metrics import Metrics
from gateway.observing.requests import Requests
from gateway.planner.reader import Reader
from gateway.query_limits.limits import QueryLimits
from gateway.rates.buckets import Buckets
from gateway.rates.shared import SharedBuckets
from gateway.schema import GatewaySchema, make_schema
from gateway.settings import (
    InvalidSetting,
    Settings,
    read_networks,
    read_origins,
    read_ports,
    read_schemes,
)
from gateway.tasks import end
from gateway.trusted import TrustedDocument, read_trusted
from gateway.validation import Disclosure

if TYPE_CHECKING:  # its packages may be missing
    from gateway.observing.tracing import Tracing

GRAPHQL = "/graphql"
SCHEMA = web.AppKey("schema", GatewaySchema)
CONNECTIONS = web.AppKey("connections", OpenConnections)
METRICS = web.AppKey("metrics", Metrics)
MAKE_CONTEXT: web.AppKey[Callable[[Caller], Context]] = web.AppKey("make_context")


def make_app(
    *,
    settings: Settings,
    database: Database,
    blobs: BlobStore,
    follows: Follows | None = None,
    live_rules: LiveRules | None = None,
    tracing: Tracing | None = None,
) -> web.Application:
    """Return the gateway as an application that is ready to be run.

    Args:
        follows: Runs subscriptions, in place of the hub.
        live_rules: In place of those that settings make.
        tracing: What makes traces; None: nothing does.

    Raises:
        InvalidSetting: The trusted documents cannot be read, or two settings contradict each other.
    """
    trusted = _trusted(settings)
    store, blob_calls = blobs, BlobCalls()
    blobs = NotedBlobStore(store, blob_calls)
    blob_calls.tracing = database.statements.tracing = tracing
    reader = Reader(database)
    limits = Limits(
        metadata_bytes=settings.max_metadata_bytes,
        inline_bytes=settings.max_inline_bytes,
        blobs_per_object=settings.max_blobs_per_object,
        name_characters=settings.max_name_characters,
        upload_bytes=settings.max_upload_bytes,
    )
    fetcher = Fetcher(_fetch_rules(settings))
    authenticator = Authenticator(database)
    of_keys = _of_keys(settings, database)
    cursors = EventCursors()
    housekeeper = Housekeeper(database, blobs)
    sequencer = Sequencer(database, retention_days=settings.event_retention_days)
    database.on_commit = sequencer.poke

    def make_context(caller: Caller) -> Context:
        return Context(
            caller=caller,
            database=database,
            reader=reader,
            blobs=blobs,
            fetcher=fetcher,
            limits=limits,
            authenticator=authenticator,
            cursors=cursors,
            housekeeper=housekeeper,
        )

    async def load_cursors(_: web.Application) -> None:
        await cursors.load(database)

    async def plan_ahead(_: web.Application) -> None:
        for document in trusted.values():
            try:
                await schema.plan_ahead(document.text, make_context(Caller.nobody()))
            except GraphQLError as error:
                raise InvalidSetting(
                    f"GATEWAY_TRUSTED_DOCUMENTS: {document.file}: {error.message}"
                ) from error

    async def background(_: web.Application) -> AsyncIterator[None]:
        works = [each.run() for each in (housekeeper, sequencer, hub, key_watch)]
        if isinstance(of_keys, SharedBuckets):
            works.append(of_keys.run())
        tasks = [asyncio.create_task(each) for each in works]
        yield
        for task in tasks:
            await end(task)
        await authenticator.close()

    async def drain(_: web.Application) -> None:
        await connections.drain(settings.drain_s)

    app = web.Application(client_max_size=settings.max_body_bytes)
    app[SCHEMA] = schema = make_schema(
        _query_limits(settings),
        cursors,
        _disclosure(settings),
        operation_s=settings.operation_s,
    )
    app[METRICS] = metrics = Metrics()
    requests = Requests(name for each in trusted.values() for name in schema.names(each.text))
    app[MAKE_CONTEXT] = make_context
    hub = Hub(
        database,
        cursors,
        schema.subscribe_by,
        schema.tell_errors,
        most_bytes=settings.event_ring_bytes,
    )
    if settings.trusted_documents_only:
        schema.answer_only(document.text for document in trusted.values())
    persisted = PersistedTexts(
        schema, trusted={id_: document.text for id_, document in trusted.items()}
    )
    bodies = expect_bodies(app)
    rules = live_rules or _live_rules(settings)
    app[CONNECTIONS] = connections = OpenConnections(rules)
    key_watch = KeyWatch(database, authenticator, connections, every_s=rules.recheck_s)
    origins = Origins(read_origins(settings.cors_origins), public_url=settings.public_url)
    parts = LiveParts(
        schema=schema,
        door=_door(settings, authenticator, of_keys),
        origins=origins,
        make_context=make_context,
        persisted=persisted,
        follows=follows or hub,
        connections=connections,
        admission=Admission(rules.subscribes_per_s),
        edge=Edge(None if settings.metrics == "off" else requests, tracing),
        rules=rules,
    )
    app.router.add_route("*", GRAPHQL, View(parts, bodies).answer)
    app.router.add_get("/", _to_graphiql)
    if isinstance(store, LocalBlobStore):  # others serve their links themselves
        app.add_routes(blob_routes(store, bodies))
    app.add_routes(health_routes(_readiness(database, blobs), dispensable=["blobs"]))
    measure(
        metrics,
        requests=requests,
        schema=schema,
        database=database,
        blob_calls=blob_calls,
        housekeeper=housekeeper,
        sequencer=sequencer,
    )
    if settings.metrics == "on":
        app.add_routes([metrics_route(metrics)])
    app.on_startup.extend((load_cursors, plan_ahead))
    app.cleanup_ctx.append(background)
    app.on_shutdown.append(drain)
    harden(app, is_https=settings.public_url.startswith("https://"))
    allow_origins(app, GRAPHQL, origins)
    give_ids(app)
    return app


def _trusted(settings: Settings) -> dict[str, TrustedDocument]:
    """Return the trusted documents by their ids.

    Raises:
        InvalidSetting: The folder is not given, or cannot be read.
    """
    if settings.trusted_documents:
        return read_trusted(Path(settings.trusted_documents))
    if settings.trusted_documents_only:
        raise InvalidSetting(
            "GATEWAY_TRUSTED_DOCUMENTS_ONLY needs GATEWAY_TRUSTED_DOCUMENTS, the folder they are in"
        )
    return {}


def _door(settings: Settings, authenticator: Authenticator, of_keys: Buckets | None) -> Door:
    of_addresses = None
    if settings.address_rate:
        of_addresses = Buckets(settings.address_rate, settings.address_burst)
    clients = Clients(read_networks(settings.trusted_proxies))
    return Door(authenticator, clients, of_keys=of_keys, of_addresses=of_addresses)


def _of_keys(settings: Settings, database: Database) -> Buckets | None:
    if not settings.key_rate:
        return None
    if settings.shared_rates:
        return SharedBuckets(settings.key_rate, settings.key_burst, database=database)
    return Buckets(settings.key_rate, settings.key_burst)


def _disclosure(settings: Settings) -> Disclosure:
    """Return how much is told of the schema.

    Raises:
        InvalidSetting: One setting tells what the other hides.
    """
    if settings.suggestions and not settings.introspection:
        raise InvalidSetting(
            "GATEWAY_SUGGESTIONS names what GATEWAY_INTROSPECTION=false hides; set one of them"
        )
    return Disclosure(introspection=settings.introspection, suggestions=settings.suggestions)


def _query_limits(settings: Settings) -> QueryLimits:
    return QueryLimits(
        characters=settings.max_document_characters,
        tokens=settings.max_tokens,
        definitions=settings.max_definitions,
        variables=settings.max_variables,
        depth=settings.max_depth,
        nesting=settings.max_nesting,
        fields=settings.max_fields,
        aliases=settings.max_aliases,
        directives=settings.max_directives,
        repeated_keys=settings.max_repeated_keys,
        list_items=settings.max_list_items,
        cost=settings.max_cost,
    )


def _live_rules(settings: Settings) -> LiveRules:
    return LiveRules(
        message_bytes=settings.max_message_bytes,
        operations_per_socket=settings.max_operations_per_socket,
        connections_per_key=settings.max_connections_per_key,
        subscriptions_per_key=settings.max_subscriptions_per_key,
        subscribes_per_s=settings.max_subscribes_per_s,
    )


def _fetch_rules(settings: Settings) -> FetchRules:
    return FetchRules(
        schemes=read_schemes(settings.fetch_schemes),
        ports=read_ports(settings.fetch_ports),
        addresses=Addresses(read_networks(settings.fetch_allow_networks)),
        most_bytes=settings.max_source_bytes,
        connect_s=settings.fetch_connect_s,
        idle_s=settings.fetch_idle_s,
        total_s=settings.fetch_total_s,
    )


def _readiness(database: Database, blobs: BlobStore) -> dict[str, Check]:
    """Return what `/readyz` looks at."""
    older = revisions.known() - {revisions.head()}

    async def check_database() -> None:
        async with database.connection() as connection:
            await connection.execute("SELECT 1")

    async def check_migrations() -> None:
        async with database.connection() as connection:
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        # A newer one is no reason to send nobody here: in a roll-out the database is migrated
        # first, and this gateway serves until the new ones do.
        if revision is None or revision in older:
            raise Unavailable("the database lacks migrations; run `gateway migrate`")

    return {"database": check_database, "blobs": blobs.check, "migrations": check_migrations}


async def _to_graphiql(_: web.Request) -> web.Response:
    raise web.HTTPFound(GRAPHQL)

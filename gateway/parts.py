"""The parts of one gateway, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from graphql import GraphQLError

from gateway import configured
from gateway.blobs.noting import NotedBlobStore
from gateway.blobs.store import BlobStore
from gateway.caller import Caller
from gateway.context import Context
from gateway.database.pool import Database
from gateway.events.cursors import EventCursors
from gateway.events.following import Follows
from gateway.events.hub import Hub
from gateway.events.sequencer import Sequencer
from gateway.fetching.fetcher import Fetcher
from gateway.housekeeping import Housekeeper
from gateway.http.clients import Clients
from gateway.http.door import Door
from gateway.http.live.admission import Admission
from gateway.http.live.key_watch import KeyWatch
from gateway.http.live.open_connections import OpenConnections
from gateway.http.live.parts import LiveParts
from gateway.http.live.rules import LiveRules
from gateway.http.origins import Origins
from gateway.http.persisted import PersistedTexts
from gateway.measures import measure
from gateway.namespaces.authentication import Authenticator
from gateway.observing.blob_calls import BlobCalls
from gateway.observing.broker_traffic import BrokerTraffic
from gateway.observing.edge import Edge
from gateway.observing.metrics import Metrics
from gateway.observing.requests import Requests
from gateway.planner.reader import Reader
from gateway.rates.buckets import Buckets
from gateway.rates.shared import SharedBuckets
from gateway.schema import GatewaySchema, make_schema
from gateway.setting_texts import read_networks, read_origins
from gateway.settings import InvalidSetting, Settings
from gateway.tasks import end, go_on

if TYPE_CHECKING:  # its packages may be missing
    from gateway.observing.tracing import Tracing


class Parts:
    """Everything that a gateway consists of; each part is made once, and knows those it needs.

    Raises:
        InvalidSetting: The trusted documents cannot be read, or two settings contradict each other.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: BlobStore,
        *,
        follows: Follows | None,
        live_rules: LiveRules | None,
        tracing: Tracing | None,
    ) -> None:
        self.settings = settings
        self.database = database
        self._trusted = configured.trusted_documents(settings)
        self.metrics = Metrics()

        # bytes
        calls = BlobCalls()
        calls.tracing = database.statements.tracing = tracing
        self.blobs: BlobStore = NotedBlobStore(blobs, calls)
        self._fetcher = Fetcher(configured.fetch_rules(settings))
        self._housekeeper = Housekeeper(database, self.blobs)

        # reads and changes
        self._limits = configured.limits(settings)
        self._reader = Reader(database)
        self._cursors = EventCursors()
        texts = {id_: document.text for id_, document in self._trusted.items()}
        self.schema = _schema(settings, self._cursors, texts.values())

        # events
        self._sequencer = Sequencer(database, retention_days=settings.event_retention_days)
        database.on_commit = self._sequencer.poke
        traffic = BrokerTraffic()
        self._broker = configured.broker(settings, lambda: self._sequencer.is_leader, traffic)
        self._hub = self._make_hub()

        # clients
        self._authenticator = Authenticator(database)
        self._rates = _rates_of_keys(settings, database)
        self.origins = Origins(read_origins(settings.cors_origins), public_url=settings.public_url)
        rules = live_rules or configured.live_rules(settings)
        self.connections = OpenConnections(rules)
        self._key_watch = KeyWatch(
            database, self._authenticator, self.connections, every_s=rules.recheck_s
        )
        requests = Requests(name for text in texts.values() for name in self.schema.names(text))
        edge = Edge(None if settings.metrics == "off" else requests, tracing)
        self.live = self._make_live(texts, follows or self._hub, rules, edge)
        measure(
            self.metrics,
            requests=requests,
            schema=self.schema,
            database=database,
            blob_calls=calls,
            housekeeper=self._housekeeper,
            sequencer=self._sequencer,
            hub=self._hub,
            broker_traffic=traffic,
            connections=self.connections,
        )

    def make_context(self, caller: Caller) -> Context:
        """Return what one request carries."""
        return Context(
            caller=caller,
            database=self.database,
            reader=self._reader,
            blobs=self.blobs,
            fetcher=self._fetcher,
            limits=self._limits,
            authenticator=self._authenticator,
            cursors=self._cursors,
            housekeeper=self._housekeeper,
        )

    async def prepare(self) -> None:
        """Do what has to be done before the first request.

        Raises:
            InvalidSetting: A trusted document is none of this schema.
            Unavailable: PostgreSQL gives no answer.
        """
        await self._cursors.load(self.database)
        for document in self._trusted.values():
            try:
                await self.schema.plan_ahead(document.text, self.make_context(Caller.nobody()))
            except GraphQLError as error:
                raise InvalidSetting(
                    f"GATEWAY_TRUSTED_DOCUMENTS: {document.file}: {error.message}"
                ) from error

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Work in the background inside the block."""
        works = [
            each.run for each in (self._housekeeper, self._sequencer, self._hub, self._key_watch)
        ]
        if isinstance(self._rates, SharedBuckets):
            works.append(self._rates.run)
        if self._broker is not None:
            works.append(self._broker.run)
        tasks = [asyncio.create_task(go_on(each)) for each in works]
        try:
            yield
        finally:
            for task in tasks:
                await end(task)
            await self._authenticator.close()

    def _make_hub(self) -> Hub:
        return Hub(
            self.database,
            self._cursors,
            self.schema.subscribe_by,
            self.schema.note_subscription,
            self.schema.tell_errors,
            most_bytes=self.settings.event_ring_bytes,
            broker=self._broker,
        )

    def _make_live(
        self, trusted: Mapping[str, str], follows: Follows, rules: LiveRules, edge: Edge
    ) -> LiveParts:
        return LiveParts(
            schema=self.schema,
            door=self._make_door(),
            origins=self.origins,
            make_context=self.make_context,
            persisted=PersistedTexts(self.schema, trusted=trusted),
            follows=follows,
            connections=self.connections,
            admission=Admission(rules.subscribes_per_s),
            edge=edge,
            rules=rules,
        )

    def _make_door(self) -> Door:
        of_addresses = None
        if self.settings.address_rate:
            of_addresses = Buckets(self.settings.address_rate, self.settings.address_burst)
        clients = Clients(read_networks(self.settings.trusted_proxies))
        return Door(self._authenticator, clients, of_keys=self._rates, of_addresses=of_addresses)


def _schema(settings: Settings, cursors: EventCursors, trusted: Iterable[str]) -> GatewaySchema:
    schema = make_schema(
        configured.query_limits(settings),
        cursors,
        configured.disclosure(settings),
        operation_s=settings.operation_s,
    )
    if settings.trusted_documents_only:
        schema.answer_only(trusted)
    return schema


def _rates_of_keys(settings: Settings, database: Database) -> Buckets | None:
    if not settings.key_rate:
        return None
    if settings.shared_rates:
        return SharedBuckets(settings.key_rate, settings.key_burst, database=database)
    return Buckets(settings.key_rate, settings.key_burst)

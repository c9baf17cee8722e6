"""All that `/metrics` shows: a line for each. docs/operations.md tells what they are good for."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gateway.database.pool import Database
from gateway.events.hub import Hub
from gateway.events.sequencer import Sequencer
from gateway.housekeeping import Housekeeper
from gateway.http.live.open_connections import OpenConnections
from gateway.observing.blob_calls import BlobCalls
from gateway.observing.broker_traffic import BrokerTraffic
from gateway.observing.metrics import Metrics
from gateway.observing.requests import Requests
from gateway.planner.caching import LeastUsedCache
from gateway.schema import GatewaySchema

_Cache = LeastUsedCache[Any, Any]


def measure(
    metrics: Metrics,
    *,
    requests: Requests,
    schema: GatewaySchema,
    database: Database,
    blob_calls: BlobCalls,
    housekeeper: Housekeeper,
    sequencer: Sequencer,
    hub: Hub,
    broker_traffic: BrokerTraffic,
    connections: OpenConnections,
) -> None:
    """Show what the parts of a gateway count."""
    _show_version(metrics)
    _show_requests(metrics, requests)
    _show_caches(metrics, {"documents": schema.texts.kept, "plans": schema.plans})
    _show_database(metrics, database)
    _show_blobs(metrics, blob_calls)
    _show_events(metrics, sequencer, hub)
    _show_broker(metrics, broker_traffic)
    _show_subscribers(metrics, hub, connections)
    _show_housekeeping(metrics, housekeeper)


def _show_version(metrics: Metrics) -> None:
    metrics.gauge(
        "gateway_info",
        "1, with the version.",
        lambda: {_version(): 1},
        labels=["version"],
    )


def _version() -> str:
    try:
        return version("lineage-gateway")
    except PackageNotFoundError:  # a checkout that is not installed
        return "unknown"


def _show_requests(metrics: Metrics, requests: Requests) -> None:
    metrics.counter(
        "gateway_requests_total",
        "Requests by operation, and ok or the code of the first error.",
        requests.by_outcome,
        labels=["operation", "outcome"],
    )
    metrics.counter(
        "gateway_request_cost_total",
        "Prices of the requests that went well.",
        requests.costs,
        labels=["operation"],
    )
    metrics.histogram(
        "gateway_request_seconds",
        "Time from the headers of a request to its answer.",
        requests.seconds,
        labels=["operation"],
    )


_OF_CACHES: dict[str, Callable[[_Cache], float]] = {
    "hits": lambda cache: cache.counts.hits,
    "misses": lambda cache: cache.counts.misses,
    "evictions": lambda cache: cache.counts.evictions,
}


def _show_caches(metrics: Metrics, caches: dict[str, _Cache]) -> None:
    for what, read in _OF_CACHES.items():
        metrics.counter(
            f"gateway_cache_{what}_total",
            f"{what.capitalize()} of the caches of documents and plans.",
            _of_all(caches, read),
            labels=["cache"],
        )
    metrics.gauge(
        "gateway_cache_entries",
        "What the caches of documents and plans keep.",
        _of_all(caches, LeastUsedCache.size),
        labels=["cache"],
    )


def _of_all(
    caches: dict[str, _Cache],
    read: Callable[[_Cache], float],
) -> Callable[[], dict[str, float]]:
    return lambda: {name: read(cache) for name, cache in caches.items()}


def _show_database(metrics: Metrics, database: Database) -> None:
    lender = database.lender
    metrics.gauge(
        "gateway_database_connections_limit", "Connections, at most.", lambda: lender.size
    )
    metrics.gauge(
        "gateway_database_connections",
        "Connections that are used, and that are free.",
        lambda: {"used": lender.used(), "free": lender.free()},
        labels=["state"],
    )
    metrics.gauge(
        "gateway_database_up", "0 while it is silent, else 1.", lambda: int(not database.is_silent)
    )
    metrics.gauge("gateway_database_waiting", "Who waits for a connection.", lender.waiting)
    metrics.histogram(
        "gateway_database_statement_seconds",
        "Time of a statement, once it has a connection.",
        lambda: database.statements.seconds,
    )
    metrics.counter(
        "gateway_database_unavailable_total",
        "Failures of the database that were told as UNAVAILABLE, by what was missing.",
        lambda: database.outages,
        labels=["reason"],
    )


def _show_blobs(metrics: Metrics, calls: BlobCalls) -> None:
    metrics.histogram(
        "gateway_blob_seconds",
        "Time of a call to the blob store.",
        lambda: calls.seconds,
        labels=["call"],
    )
    metrics.counter(
        "gateway_blob_unavailable_total",
        "Calls that the blob store did not answer.",
        lambda: calls.outages,
        labels=["call"],
    )


def _show_events(metrics: Metrics, sequencer: Sequencer, hub: Hub) -> None:
    metrics.gauge(
        "gateway_events_leader",
        "1 if this gateway sequences events, else 0.",
        lambda: int(sequencer.is_leader),
    )
    metrics.counter(
        "gateway_events_sequenced_total",
        "Events that this gateway put into the log.",
        lambda: sequencer.sequenced,
    )
    metrics.gauge(
        "gateway_events_position",
        "The number of the newest event in the log that this gateway knows.",
        lambda: hub.position,
    )
    metrics.gauge(
        "gateway_events_delay_seconds",
        "From the writing of the newest event that came here to its coming, by both clocks.",
        lambda: hub.delay_s,
    )
    metrics.gauge(
        "gateway_events_last_read_timestamp_seconds",
        "When the log was last read to its end; 0: not yet.",
        lambda: hub.read_at,
    )


def _show_broker(metrics: Metrics, traffic: BrokerTraffic) -> None:
    metrics.gauge(
        "gateway_broker_connected",
        "1 if events go through NATS, else 0.",
        lambda: int(traffic.is_connected),
    )
    metrics.counter(
        "gateway_broker_published_total",
        "Batches of events that were sent from here.",
        lambda: traffic.published,
    )
    metrics.counter(
        "gateway_broker_received_total",
        "Messages that came from the broker.",
        lambda: traffic.received,
    )
    metrics.counter(
        "gateway_broker_unreadable_total",
        "Messages that no gateway on this database sent.",
        lambda: traffic.unreadable,
    )
    metrics.counter(
        "gateway_broker_filled_total",
        "Events that were read from the log although a broker was to bring them.",
        lambda: traffic.filled,
    )


def _show_subscribers(metrics: Metrics, hub: Hub, connections: OpenConnections) -> None:
    metrics.gauge(
        "gateway_event_streams",
        "Distinct subscriptions, each executed once for all who ask for it.",
        lambda: hub.streams,
    )
    metrics.gauge(
        "gateway_connections",
        "Websockets and event streams that are open.",
        lambda: connections.count,
    )
    metrics.gauge(
        "gateway_subscriptions",
        "Subscriptions on them.",
        lambda: connections.subscriptions,
    )


def _show_housekeeping(metrics: Metrics, housekeeper: Housekeeper) -> None:
    metrics.gauge(
        "gateway_housekeeping_waiting",
        "Namespaces that the housekeeper is still to look at.",
        housekeeper.waiting,
    )
    metrics.counter(
        "gateway_housekeeping_failures_total",
        "What the housekeeper did not get done, and tries again.",
        lambda: housekeeper.failures,
    )
    metrics.gauge(
        "gateway_housekeeping_last_pass_timestamp_seconds",
        "When the housekeeper was last done with all it knew of; 0: not yet.",
        lambda: housekeeper.last_pass_at,
    )

"""What the settings make of the rules and bounds of each part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.fetching.addresses import Addresses
from gateway.fetching.rules import FetchRules
from gateway.http.live.rules import LiveRules
from gateway.limits import Limits
from gateway.observing.broker_traffic import BrokerTraffic
from gateway.query_limits.limits import QueryLimits
from gateway.setting_texts import read_nats, read_networks, read_ports, read_schemes
from gateway.settings import InvalidSetting, Settings
from gateway.trusted import TrustedDocument, read_trusted
from gateway.validation.problems import Disclosure

if TYPE_CHECKING:  # its package may be missing
    from gateway.events.broker.nats import Broker


def limits(settings: Settings) -> Limits:
    """Return the limits of values."""
    return Limits(
        metadata_bytes=settings.max_metadata_bytes,
        inline_bytes=settings.max_inline_bytes,
        blobs_per_object=settings.max_blobs_per_object,
        name_characters=settings.max_name_characters,
        upload_bytes=settings.max_upload_bytes,
    )


def trusted_documents(settings: Settings) -> dict[str, TrustedDocument]:
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


def disclosure(settings: Settings) -> Disclosure:
    """Return how much is told of the schema.

    Raises:
        InvalidSetting: One setting tells what the other hides.
    """
    if settings.suggestions and not settings.introspection:
        raise InvalidSetting(
            "GATEWAY_SUGGESTIONS names what GATEWAY_INTROSPECTION=false hides; set one of them"
        )
    return Disclosure(introspection=settings.introspection, suggestions=settings.suggestions)


def query_limits(settings: Settings) -> QueryLimits:
    """Return the limits of documents."""
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


def live_rules(settings: Settings) -> LiveRules:
    """Return the bounds of what stays open."""
    return LiveRules(
        message_bytes=settings.max_message_bytes,
        operations_per_socket=settings.max_operations_per_socket,
        connections_per_key=settings.max_connections_per_key,
        subscriptions_per_key=settings.max_subscriptions_per_key,
        subscribes_per_s=settings.max_subscribes_per_s,
    )


def fetch_rules(settings: Settings) -> FetchRules:
    """Return from where, and how much, is fetched."""
    return FetchRules(
        schemes=read_schemes(settings.fetch_schemes),
        ports=read_ports(settings.fetch_ports),
        addresses=Addresses(read_networks(settings.fetch_allow_networks)),
        most_bytes=settings.max_source_bytes,
        connect_s=settings.fetch_connect_s,
        idle_s=settings.fetch_idle_s,
        total_s=settings.fetch_total_s,
    )


def broker(
    settings: Settings, publishes: Callable[[], bool], traffic: BrokerTraffic
) -> Broker | None:
    """Return what brings events besides the log; None if there is nothing.

    Raises:
        InvalidSetting: Its package is missing.
    """
    if not settings.nats_url:
        return None
    try:
        from gateway.events.broker.nats import Broker
    except ImportError as error:
        raise InvalidSetting(
            f"GATEWAY_NATS_URL asks for a broker, and {error.name} is missing;"
            " pip install 'lineage-gateway[nats]'"
        ) from error
    return Broker(read_nats(settings.nats_url), publishes=publishes, traffic=traffic)

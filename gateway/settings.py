"""Every setting, typed, read once from the environment."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from gateway.observing import logs
from gateway.setting_texts import (
    items_of,
    one_of,
    read_address,
    read_metrics,
    read_nats,
    read_networks,
    read_origins,
    read_ports,
    read_schemes,
)

PREFIX = "GATEWAY_"
OF_CLIENTS = ("GATEWAY_KEY",)  # what commands that ask a gateway read, and no gateway
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_BOTH_OR_NEITHER = (("s3_access_key", "s3_secret_key"), ("s3_secret_key", "s3_access_key"))


class InvalidSetting(ValueError):
    """A variable in the environment that cannot be read; the message names it."""


def _setting(
    default: Any,
    description: str,
    *,
    read: Callable[[str], object] | None = None,
    is_secret: bool = False,
    least: int = 1,
) -> Any:
    metadata = {"description": description, "read": read, "least": least}
    return field(default=default, metadata=metadata, repr=not is_secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment decides: each field is ``GATEWAY_`` and its name in capitals."""

    database_url: str = _setting(
        "",
        "postgresql://… of the database; empty: a private PostgreSQL in the state folder",
        is_secret=True,
    )
    database_pool_size: int = _setting(
        10, "connections to the database, at most, besides one that asks if it answers"
    )
    database_queue: int = _setting(
        1000, "requests that wait for a connection, at most; more are refused at once"
    )
    postgres_bin: str = _setting(
        "", "folder of the programs of the private PostgreSQL; empty: the newest that is found"
    )
    public_url: str = _setting(
        "",
        "where clients reach the gateway, for links; empty: the address it listens on",
        read=read_address,
    )
    cors_origins: str = _setting(
        "",
        "origins whose pages may ask, as in https://app.example.org; * for every one; empty: none"
        " but the gateway's own",
        read=read_origins,
    )
    trusted_proxies: str = _setting(
        "",
        "networks of the proxies before the gateway, as in 10.0.0.0/8: what their X-Forwarded-For"
        " says of clients is believed",
        read=read_networks,
    )
    key_rate: int = _setting(
        2000, "requests a second that one API key may send in the long run; 0: any number", least=0
    )
    key_burst: int = _setting(600_000, "requests that it may send at once after a quiet time")
    shared_rates: bool = _setting(
        False, "true: all gateways on one database together give a key its rate"
    )
    address_rate: int = _setting(
        200,
        "requests a second that one address may send without a key that was right lately; 0: any"
        " number",
        least=0,
    )
    address_burst: int = _setting(
        1000, "such requests at once after a quiet time; one with a wrong key counts for ten"
    )
    introspection: bool = _setting(True, "false: tell nobody the schema")
    suggestions: bool = _setting(
        False, "true: name in errors what may have been meant, for those who write queries"
    )
    s3_bucket: str = _setting(
        "", "bucket of S3 that keeps the bytes; empty: the state folder keeps them"
    )
    s3_endpoint: str = _setting("", "http(s)://… of the S3 server; empty: AWS", read=read_address)
    s3_public_endpoint: str = _setting(
        "",
        "where clients reach the S3 server, for links; empty: GATEWAY_S3_ENDPOINT",
        read=read_address,
    )
    s3_region: str = _setting(
        "", "region of the bucket; empty: what AWS_REGION or its files say, or else us-east-1"
    )
    s3_access_key: str = _setting(
        "", "access key for S3; empty: what AWS's variables, files or the machine's role say"
    )
    s3_secret_key: str = _setting("", "secret key for S3, with the access key", is_secret=True)
    s3_addressing: str = _setting(
        "",
        "path or virtual: the bucket in the path or in the host's name; empty: virtual for AWS",
        read=one_of("path", "virtual"),
    )
    s3_prefix: str = _setting("", "begins every key, so that the bucket may hold other things too")
    trusted_documents: str = _setting(
        "", "folder of documents that are planned at start, and found by their hashes"
    )
    trusted_documents_only: bool = _setting(
        False, "true: refuse every document that is not in the folder of trusted ones"
    )
    max_body_bytes: int = _setting(16 * 1024 * 1024, "size of a request's body, at most")
    max_message_bytes: int = _setting(1024 * 1024, "size of one message on a websocket, at most")
    max_operations_per_socket: int = _setting(
        100, "operations that run on one websocket at the same time, at most"
    )
    max_connections_per_key: int = _setting(
        10_000, "websockets and event streams that are open with one API key, at most"
    )
    max_subscriptions_per_key: int = _setting(
        20_000, "subscriptions that run with one API key, at most"
    )
    max_subscribes_per_s: int = _setting(
        1000, "subscriptions that may begin in a second; more wait for their turn"
    )
    drain_s: int = _setting(
        10, "seconds over which open websockets and event streams are closed at the end, at most"
    )
    max_document_characters: int = _setting(128 * 1024, "length of a document, at most")
    max_tokens: int = _setting(5000, "tokens of a document, at most")
    max_definitions: int = _setting(50, "operations and fragments of a document, at most")
    max_variables: int = _setting(100, "variables of an operation, at most")
    max_depth: int = _setting(16, "fields within one another, at most; introspection is free")
    max_nesting: int = _setting(100, "fields and fragments within one another, at most")
    max_fields: int = _setting(
        1000, "fields and fragments of an operation, what fragments hold counted at each use"
    )
    max_aliases: int = _setting(30, "aliases of an operation, counted in the same way")
    max_directives: int = _setting(30, "directives of an operation, counted in the same way")
    max_repeated_keys: int = _setting(
        50, "how often one field may be asked for in one object, fragments included"
    )
    max_list_items: int = _setting(100_000, "items of one list of an input, at most")
    max_cost: int = _setting(5_000_000, "rows that an operation may read if all its pages are full")
    operation_s: int = _setting(
        15, "seconds for an operation, at most; what brings bytes has limits of its own"
    )
    max_metadata_bytes: int = _setting(256 * 1024, "size of one metadata value as JSON, at most")
    max_inline_bytes: int = _setting(
        10 * 1024 * 1024, "size of one blob sent inside a request, decoded, at most"
    )
    max_blobs_per_object: int = _setting(100, "blobs of one object, at most")
    max_name_characters: int = _setting(255, "length of a name, at most")
    max_upload_bytes: int = _setting(5 * 1024**4, "size of one uploaded file, at most")
    max_source_bytes: int = _setting(5 * 1024**3, "size of one file fetched from a URL, at most")
    fetch_schemes: str = _setting(
        "http,https", "how URLs to fetch from may begin", read=read_schemes
    )
    fetch_ports: str = _setting("80,443", "ports that are fetched from", read=read_ports)
    fetch_allow_networks: str = _setting(
        "",
        "networks to fetch from although they are not public, as in 10.1.0.0/16,fd12::/16",
        read=read_networks,
    )
    event_retention_days: int = _setting(
        7, "days for which events are kept, so that a client can go on where it stopped"
    )
    event_ring_bytes: int = _setting(
        32 * 1024 * 1024, "size of the messages kept for slow subscribers and those who come back"
    )
    nats_url: str = _setting(
        "",
        "nats://… or tls://… of a NATS server, with commas between several: spares gateways the"
        " reading of events from the database; empty: none",
        read=read_nats,
        is_secret=True,
    )
    fetch_connect_s: int = _setting(10, "seconds to look up a host and connect to it, at most")
    fetch_idle_s: int = _setting(30, "seconds without a byte until a fetch is given up")
    fetch_total_s: int = _setting(3600, "seconds for the whole of a fetch, at most")
    log_format: str = _setting(
        "",
        "text or json: how logs are written; empty: text on a terminal, json elsewhere",
        read=one_of(*logs.FORMATS),
    )
    log_level: str = _setting(
        "warning",
        "debug, info, warning or error: what of its own the gateway logs",
        read=one_of(*logs.LEVELS),
    )
    metrics: str = _setting(
        "off",
        "off, on: /metrics on this port for whoever reaches it, or an address of its own, as in"
        " 127.0.0.1:9464",
        read=read_metrics,
    )
    slow_ms: int = _setting(500, "milliseconds from which a statement is logged as slow")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; what is not set keeps its default.

        Raises:
            InvalidSetting: a variable's text is not of its type, or names no setting; or two do not
                go together.
        """
        fields = {each.name: each for each in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        for variable, text in environment.items():
            if not variable.startswith(PREFIX) or variable in OF_CLIENTS:
                continue
            name = variable.removeprefix(PREFIX).lower()
            if name not in fields:
                known = ", ".join(PREFIX + each.upper() for each in fields)
                raise InvalidSetting(f"{variable} is no setting; the settings are {known}")
            if text:  # a variable that is set to nothing is as good as not set
                values[name] = _parse(variable, text, fields[name])
        _check_s3(values)
        return cls(**values)

    @property
    def secrets(self) -> list[str]:
        """What must not be logged, wherever it turns up."""
        password = urlsplit(self.database_url).password or ""
        brokers = [urlsplit(each) for each in items_of(self.nats_url)]
        # Without a password a user's name is a token.
        tokens = [each.password or each.username or "" for each in brokers]
        secrets = (self.s3_secret_key, *map(unquote, (password, *tokens)))
        return [each for each in secrets if each]


def _check_s3(values: Mapping[str, Any]) -> None:
    for name in values:
        if name.startswith("s3_") and "s3_bucket" not in values:
            raise InvalidSetting(
                f"{PREFIX}{name.upper()} is set, and {PREFIX}S3_BUCKET is not; name the bucket"
            )
    for name, other in _BOTH_OR_NEITHER:
        if name in values and other not in values:
            raise InvalidSetting(
                f"{PREFIX}{name.upper()} is set, and {PREFIX}{other.upper()} is not;"
                " set both or neither"
            )


def _parse(variable: str, text: str, setting: dataclasses.Field[Any]) -> Any:
    if read := setting.metadata["read"]:
        try:
            read(text)
        except ValueError as error:
            shown = repr(text) if setting.repr else "not right"
            raise InvalidSetting(f"{variable} is {shown}; {error}") from error
    kind: type = type(setting.default)
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise InvalidSetting(f"{variable} is {text!r}; it has to be true or false")
        return _BOOLEANS[text.lower()]
    if kind is not int:
        return text
    if not text.strip().isdecimal() or int(text) < setting.metadata["least"]:
        above = " above 0" if setting.metadata["least"] else ""
        raise InvalidSetting(f"{variable} is {text!r}; it has to be a whole number{above}")
    return int(text)

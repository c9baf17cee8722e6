"""What a gateway says of itself once it serves: three lines for people, a file for programs."""

from __future__ import annotations

import errno
import ipaddress
import os
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import orjson

from gateway.app import GRAPHQL
from gateway.database.state import CannotStart, StateFolder
from gateway.namespaces.first_key import FirstKey

# Whoever listens on every address reaches itself by this one.
EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104

_FIRST_QUERY = {"query": "{ viewer { namespace { namespaceName bucketCount } } }"}


def address_of(listening: socket.socket, host: str) -> str:
    """Return the URL that reaches the socket from this machine."""
    port = listening.getsockname()[1]
    host = EVERY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether nobody else can reach a gateway that listens there."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def tell(address: str, first: FirstKey | None, *, key_file: Path, is_shown: bool) -> None:
    """Print the address of GraphiQL, the key, and a curl to try.

    Args:
        first: The key that was made here; None: the database is elsewhere, and so are its keys.
        key_file: Where that key is kept.
        is_shown: Whether it is printed itself; else the two lines say where it is.
    """
    endpoint = address + GRAPHQL
    click.echo(f"GraphiQL  {endpoint}")
    if first is None:
        click.echo("API key   make one with `gateway keys create`")
        return
    secret = first.secret if is_shown else f"$(cat {shlex.quote(str(key_file))})"
    key = first.secret if is_shown else f"in {key_file}"
    click.echo(f"API key   {key} (namespace {first.namespace_name})")
    click.echo(
        f'Try       curl {endpoint} -H "Authorization: Bearer {secret}"'
        f" -H 'X-Namespace: {first.namespace_name}' -H 'Content-Type: application/json'"
        f" -d '{orjson.dumps(_FIRST_QUERY).decode()}'"
    )


def clear(ready_file: Path) -> None:
    """Remove a ready file that a killed gateway left, lest it be taken for ours.

    Raises:
        CannotStart: None can be written there.
    """
    try:
        if ready_file.exists() and not ready_file.is_file():
            raise FileExistsError(errno.EEXIST, "it is no file")
        ready_file.unlink(missing_ok=True)
        if not os.access(ready_file.parent, os.W_OK):
            raise PermissionError(errno.EACCES, "its folder is missing or closed to writing")
    except OSError as error:
        raise CannotStart(
            f"the ready file {ready_file} cannot be written: {error.strerror}"
        ) from error


@contextmanager
def ready(ready_file: Path, address: str, shown: FirstKey | None) -> Iterator[None]:
    """Keep the ready file while requests are accepted; it is there whole or not at all."""
    content = {
        "graphql": address + GRAPHQL,
        "websocket": address.replace("http", "ws", 1) + GRAPHQL,
        "health": address + "/healthz",
        "api_key": shown.secret if shown else None,
        "namespace": shown.namespace_name if shown else None,
        "pid": os.getpid(),
    }
    text = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    StateFolder(ready_file.parent).write(ready_file.name, text)
    try:
        yield
    finally:
        ready_file.unlink(missing_ok=True)

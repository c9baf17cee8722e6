"""How commands that ask a gateway find it: where it is, in which namespace, with which key."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import click

from gateway.remote import Passing

# Exit statuses beside 0. As grep and diff have it, 1 is an answer and 2 says that there is none;
# click has 2 for a wrong command line, too.
FAILED = 1
INTERRUPTED = 130  # as shells tell it of Ctrl-C
# As gateway.namespaces.first_key has it, which takes half a second to import.
NAMESPACE_NAME = "default"


class NoAnswer(click.ClickException):
    """What was asked for cannot be done or told; the message says why."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it, as other commands say what keeps them from their work."""
        click.echo(f"gateway: {self.message}", file=file, err=file is None)


def remote_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options --url, --namespace, --key and --key-file.

    It is called with ``url``, ``namespace`` and ``secret``.
    """

    @click.option(
        "--url",
        default="http://127.0.0.1:8000",
        show_default=True,
        callback=_address,
        help="Where the gateway is.",
    )
    @click.option("--namespace", default=NAMESPACE_NAME, show_default=True, help="By name or id.")
    @click.option("--key", envvar="GATEWAY_KEY", help="An API key; or $GATEWAY_KEY.")
    @click.option(
        "--key-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A file with the key, such as .gateway/dev-key.",
    )
    @wraps(command)
    def called(*arguments: Any, key: str | None, key_file: Path | None, **more: Any) -> None:
        secret = key_file.read_text().strip() if key_file else key
        if not secret:
            raise click.UsageError("a key is needed: --key-file, --key or $GATEWAY_KEY")
        command(*arguments, secret=secret, **more)

    return called


def tell_of_retry(why: Passing) -> None:
    """Say that something is tried again, lest it seem to hang."""
    click.echo(f"{why}; trying again", err=True)


def _address(_context: click.Context, _option: click.Parameter, url: str) -> str:
    """Return the address of a gateway, also where that of GraphiQL is given."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_good = False
    if not is_good:
        raise click.BadParameter(f"{url!r} is no address, as http://127.0.0.1:8000 is one")
    return url.rstrip("/").removesuffix("/graphql")

"""`gateway watch`: what happens to objects and documents, as it happens."""

from __future__ import annotations

import asyncio
import signal
import sys

import aiohttp
import click

from gateway.commands.output import json_option
from gateway.commands.reaching import INTERRUPTED, remote_options, tell_of_retry
from gateway.database.state import CannotStart
from gateway.enums import Status
from gateway.remote import Refusal
from gateway.watching.api import Counts, WatchedGateway
from gateway.watching.lines import Lines
from gateway.watching.running import View, Watcher

TERMINATED = 143  # as shells tell it of SIGTERM
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


@click.command(short_help="Show what happens, as it happens.")
@click.argument("bucket", required=False)
@click.option(
    "--until",
    type=click.Choice(["done"]),
    help="End once every object and document is at an end; exit status 1 if any FAILED.",
)
@click.option("--after", metavar="CURSOR", help="Begin after this place; left out: now.")
@remote_options
@json_option
def watch(
    bucket: str | None,
    until: str | None,
    after: str | None,
    url: str,
    namespace: str,
    secret: str,
    as_json: bool,
) -> None:
    """Show what happens in BUCKET, by name or id, or in the whole namespace.

    On a terminal it is a table, elsewhere an event a line as JSON. Whatever happens to the gateway
    or the network, it goes on after the last event: none is lost, and none is told twice. With the
    cursor of a line as --after another watch goes on from there.
    """
    place = ""

    async def work() -> Counts | None:
        nonlocal place
        if (task := asyncio.current_task()) is not None:
            # So that a terminal gets its cursor back, and the place is told.
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            gateway = WatchedGateway(
                session, url=url, key=secret, namespace=namespace, on_retry=tell_of_retry
            )
            found = await gateway.find_bucket(bucket) if bucket else None
            name = found["bucketName"] if found else f"namespace {namespace}"
            view = _view(f"{name}  {url}", as_json=as_json)
            watcher = Watcher(gateway, view, bucket_id=found["id"] if found else None)
            try:
                with view.shown():
                    return await watcher.run(after=after, until_done=until is not None)
            finally:
                place = watcher.cursor

    try:
        counts = asyncio.run(work())
    except Refusal as refusal:
        has_begun = place and place != after
        rest = f"; --after {place} goes on from here" if has_begun else ""
        raise CannotStart(f"{refusal}{rest}") from refusal
    except (KeyboardInterrupt, asyncio.CancelledError) as end:
        if place:
            _tell(f"Interrupted; --after {place} goes on from here.")
        sys.exit(INTERRUPTED if isinstance(end, KeyboardInterrupt) else TERMINATED)
    if counts is None:
        _tell("The bucket is gone.")
        sys.exit(1 if until else 0)
    _tell(_summary(counts))
    if counts.total()[Status.FAILED]:
        sys.exit(1)


def _view(title: str, *, as_json: bool) -> View:
    if as_json or not sys.stdout.isatty():
        return Lines(sys.stdout.buffer, _tell)
    # Not for those who read lines: it takes as long to import as all the rest.
    from gateway.watching.screen import Screen

    return Screen(title)


def _summary(counts: Counts) -> str:
    total = counts.total()
    told = [f"{total[each]} {each}" for each in Status if total[each]]
    return f"Everything is at an end: {', '.join(told) or 'there is nothing'}."


def _tell(text: str) -> None:
    click.echo(text, err=True)

"""`gateway watch`: what happens to objects and documents, as it happens."""

from __future__ import annotations

import asyncio
import signal
import sys

import aiohttp
import click

from gateway.commands.output import json_option
from gateway.commands.reaching import FAILED, INTERRUPTED, NoAnswer, remote_options
from gateway.enums import Status
from gateway.remote import Refusal
from gateway.watching.api import Counts, WatchedGateway
from gateway.watching.lines import Lines
from gateway.watching.running import View, Watcher

_STATUSES = """\b
Exit status:
    0  everything is at an end and nothing FAILED; without --until, BUCKET was deleted
    1  everything is at an end and something FAILED
    2  neither can be told: wrong usage, a gateway that refuses, BUCKET deleted before the end
  130  Ctrl-C
  141  nobody reads its output any more
  143  SIGTERM
"""
# As shells tell it of SIGTERM, and of SIGPIPE.
TERMINATED = 143
UNREAD = 141
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


@click.command(short_help="Show what happens, as it happens.", epilog=_STATUSES)
@click.argument("bucket", required=False)
@click.option(
    "--until",
    type=click.Choice(["done"]),
    help="End once every object and document is at an end.",
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

    A gateway that gives no answer is waited for, at the beginning too.
    """
    place = ""

    async def work() -> Counts | None:
        nonlocal place
        if (task := asyncio.current_task()) is not None:
            # So that a terminal gets its cursor back, and the place is told.
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            view = _view(bucket or f"namespace {namespace}", url, as_json=as_json)
            gateway = WatchedGateway(
                session, url=url, key=secret, namespace=namespace, on_retry=view.waiting
            )
            watcher = Watcher(gateway, view, bucket=bucket)
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
        raise NoAnswer(f"{refusal}{rest}") from refusal
    except (KeyboardInterrupt, asyncio.CancelledError) as end:
        if place:
            _tell(f"Interrupted; --after {place} goes on from here.")
        sys.exit(INTERRUPTED if isinstance(end, KeyboardInterrupt) else TERMINATED)
    except BrokenPipeError:
        sys.exit(UNREAD)
    sys.exit(_ended(counts, is_until_done=until is not None))


def _view(name: str, url: str, *, as_json: bool) -> View:
    if as_json or not sys.stdout.isatty():
        return Lines(sys.stdout.buffer, _tell)
    # Not for those who read lines: it takes as long to import as all the rest.
    from gateway.watching.screen import Screen

    return Screen(name, url)


def _ended(counts: Counts | None, *, is_until_done: bool) -> int:
    """Say how a watch has ended by itself; return its exit status."""
    if counts is None:
        _tell("The bucket is gone.")
        return NoAnswer.exit_code if is_until_done else 0
    total = counts.total()
    told = [f"{total[each]} {each}" for each in Status if total[each]]
    _tell(f"Everything is at an end: {', '.join(told) or 'there is nothing'}.")
    return FAILED if total[Status.FAILED] else 0


def _tell(text: str) -> None:
    click.echo(text, err=True)

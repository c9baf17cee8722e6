"""What junk costs, and what is left of it."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import aiohttp
import click

from bench.reads import contenders, cpu

GOOD = {"query": "{ viewer { namespace { namespaceName } } }"}
_DEPTH = 16  # requests that are sent before the first of them is answered
_random = random.Random(1)  # noqa: S311 - nothing here is secret


def _query(text: str) -> bytes:
    return json.dumps({"query": text}).encode()


def _unknown_hash() -> bytes:
    persisted = {"version": 1, "sha256Hash": secrets.token_hex(32)}
    return json.dumps({"extensions": {"persistedQuery": persisted}}).encode()


# Bodies; those of the first four are refused before there is a document, and have a row together.
KINDS: Mapping[str, Callable[[], bytes]] = {
    "broken JSON": lambda: b'{"query":' + b"{" * _random.randrange(3000),
    "bytes": lambda: _random.randbytes(_random.randrange(300)),
    "unknown hashes": _unknown_hash,
    "wrong keys": lambda: json.dumps(GOOD).encode(),
    "no GraphQL": lambda: _query("{ " + "".join(_random.choices("abc{}()", k=200))),
    "unknown fields": lambda: _query(f"{{ a{_random.getrandbits(64)} }}"),
    "new documents": lambda: _query(f"query N{_random.getrandbits(64)} {{ __typename }}"),
}
EARLY = tuple(KINDS)[:4]


class Target(NamedTuple):
    """A gateway."""

    url: str
    pid: int
    secret: str

    def headers(self, secret: str = "") -> dict[str, str]:
        """Return those of a request, with the right key or another one."""
        return {
            "Authorization": f"Bearer {secret or self.secret}",
            "X-Namespace": "default",
            "Content-Type": "application/json",
        }

    def junk(self, kind: str) -> bytes:
        """Return a request."""
        body = KINDS[kind]()
        wrong = f"sk_{secrets.token_urlsafe(32)}" if kind == "wrong keys" else ""
        lines = [f"{name}: {value}\r\n" for name, value in self.headers(wrong).items()]
        head = f"POST /graphql HTTP/1.1\r\nHost: x\r\n{''.join(lines)}Content-Length: {len(body)}"
        return head.encode() + b"\r\n\r\n" + body


class Flooded(NamedTuple):
    """What became of junk."""

    per_second: float
    cpu_us: float  # of the gateway, for each
    statuses: Counter[int]
    memory_mb: float  # afterwards


@click.command(short_help=__doc__)
@click.option("--seconds", default=30.0, show_default=True, help="Of what is refused early.")
@click.option("--seconds-each", default=3.0, show_default=True, help="Of each kind.")
def main(seconds: float, seconds_each: float) -> None:
    """Measure what junk costs a gateway, and how soon it answers a good request afterwards."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        ready, log = Path(name) / "ready.json", Path(name) / "log"
        serve = ["-m", "gateway", "serve", "--port", "0", "--state", f"{name}/state"]
        command = [sys.executable, *serve, "--ready-file", str(ready)]
        with contenders.running("the gateway", command, {}, log, ready.exists) as process:
            told = json.loads(ready.read_text())
            target = Target(told["graphql"], process.pid, told["api_key"])
            click.echo(f"{cpu.resident_mb(target.pid):.0f} MB before\n")
            click.echo("| | requests/s | µs of CPU each | statuses | MB |")
            click.echo("| --- | --- | --- | --- | --- |")
            for kinds, lasts_s in [*(([kind], seconds_each) for kind in KINDS), (EARLY, seconds)]:
                _print(kinds, asyncio.run(flood(target, kinds, lasts_s)))
            click.echo(f"\nA good request takes {asyncio.run(good(target)) * 1000:.1f} ms.")


def _print(kinds: Sequence[str], it: Flooded) -> None:
    statuses = ", ".join(f"{status}: {many}" for status, many in sorted(it.statuses.items()))
    click.echo(
        f"| {', '.join(kinds)} | {it.per_second:.0f} | {it.cpu_us:.0f} | {statuses}"
        f" | {it.memory_mb:.0f} |"
    )


async def flood(
    target: Target, kinds: Sequence[str], seconds: float, *, connections: int = 32
) -> Flooded:
    """Send junk of some kinds as fast as it is answered."""
    spent_s, began_at = cpu.of_process(target.pid), time.monotonic()
    statuses = Counter[int]()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_send(target, kinds, began_at + seconds, statuses))
    took_s, sent = time.monotonic() - began_at, max(statuses.total(), 1)
    spent_s = cpu.of_process(target.pid) - spent_s
    return Flooded(sent / took_s, spent_s / sent * 1e6, statuses, cpu.resident_mb(target.pid))


async def _send(target: Target, kinds: Sequence[str], until: float, statuses: Counter[int]) -> None:
    host, port = target.url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, port)
    while True:
        writer.write(b"".join(target.junk(_random.choice(kinds)) for _ in range(_DEPTH)))
        for _ in range(_DEPTH):
            head = await reader.readuntil(b"\r\n\r\n")
            statuses[int(head[9:12])] += 1
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
            await reader.readexactly(int(length))
        if time.monotonic() >= until:
            break
    writer.close()


async def good(target: Target) -> float:
    """Return how many seconds a good request takes."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        began_at = time.monotonic()
        async with session.post(target.url, json=GOOD, headers=target.headers()) as answer:
            assert (await answer.json()).keys() == {"data"}  # noqa: S101
        return time.monotonic() - began_at

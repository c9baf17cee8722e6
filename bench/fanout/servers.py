"""Those that are compared, each a process of its own, and how each is made to tell of events."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import asyncpg

from bench.fanout import graphql_ws, raw
from bench.fanout.crowds import Event
from bench.fanout.subscribers import Target
from bench.reads import contenders
from gateway.database.ids import new_id
from gateway.database.pool import open_database
from gateway.events.sequencer import POKES
from gateway.namespaces.first_key import ensure_default

FIELDS = (
    "cursor event kind nodeId bucketId collectionId rootObjectId version previousStatus status"
    " error at"
)
MOST_AT_ONCE = 100

_SET_NAMESPACE = "SELECT set_config('app.namespace_id', id, false) FROM namespaces"
_ADD_BUCKET = """
    INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
        VALUES (current_setting('app.namespace_id'), $1, 'bench', '{}')
"""
_ADD_OBJECTS = """
    INSERT INTO objects (namespace_id, id, bucket_id, status)
        SELECT current_setting('app.namespace_id'), each, $1, 'QUEUED'
        FROM unnest($2::text[]) each
"""
_CHANGE = """
    UPDATE objects SET version = version + 1, updated_at = now(), status =
        CASE status WHEN 'QUEUED' THEN 'PROCESSING' WHEN 'PROCESSING' THEN 'FAILED'
            ELSE 'QUEUED' END
    WHERE namespace_id = current_setting('app.namespace_id') AND id = ANY ($1::text[])
    RETURNING id, version
"""
# As gateways tell the one that sequences: with nothing to be flushed.
_POKE = f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{POKES}', '')"


class Events(NamedTuple):
    """So many, some of them in one transaction, with a pause between two."""

    total: int
    at_once: int
    every_s: float


class Server(Protocol):
    """A server that is measured."""

    name: str
    pid: int
    target: Target

    async def tell(self, events: Events) -> dict[Event, float]:
        """Make events; return when each was committed, by the monotonic clock."""


class Gateway:
    """The gateway, as `gateway serve` runs it; events are made by SQL, as by another gateway."""

    name = "gateway"

    def __init__(
        self,
        pid: int,
        target: Target,
        connections: Sequence[asyncpg.Connection],
        objects: Sequence[str],
    ) -> None:
        self.pid, self.target = pid, target
        self._connection, self._beside = connections
        *self._objects, self._object_beside = objects

    async def tell(self, events: Events) -> dict[Event, float]:
        """Change the status of objects; after each commit the sequencer is told of it."""
        committed_at: dict[Event, float] = {}
        due = time.monotonic()
        for start in range(0, events.total, events.at_once):
            some = min(events.at_once, events.total - start)
            ids = [self._objects[(start + each) % len(self._objects)] for each in range(some)]
            rows = await self._connection.fetch(_CHANGE, ids)
            now = time.monotonic()
            await self._connection.execute(_POKE)
            committed_at |= {(row["id"], row["version"]): now for row in rows}
            due += events.every_s
            await asyncio.sleep(due - time.monotonic())
        return committed_at

    @asynccontextmanager
    async def long_transaction(self) -> AsyncIterator[None]:
        """Have a transaction open that has written an event, for the length of the block."""
        transaction = self._beside.transaction()
        await transaction.start()
        await self._beside.fetch(_CHANGE, [self._object_beside])
        yield
        await transaction.rollback()


class Broadcast:
    """A server that is given payloads; whoever subscribes gets them all."""

    def __init__(self, name: str, pid: int, target: Target) -> None:
        self.name, self.pid, self.target = name, pid, target
        self._port = target.port
        self._told = 0

    async def tell(self, events: Events) -> dict[Event, float]:
        """Have messages as long as the gateway's written."""
        payloads = [_payload(self._told + number) for number in range(events.total)]
        self._told += events.total
        asked = {"payloads": payloads, "atOnce": events.at_once, "everyS": events.every_s}
        await asyncio.to_thread(_post, self._port, asked)
        return {}


def _post(port: int, value: Any) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/tell", json.dumps(value))
        connection.getresponse().read()
    finally:
        connection.close()


def _payload(number: int) -> str:
    event = {
        "cursor": f"{number:022}",
        "event": "STATUS_CHANGED",
        "kind": "OBJECT",
        "nodeId": f"obj_{0:026}",
        "bucketId": f"bkt_{0:026}",
        "collectionId": None,
        "rootObjectId": f"obj_{0:026}",
        "version": number,
        "previousStatus": "QUEUED",
        "status": "PROCESSING",
        "error": None,
        "at": "2026-01-01T00:00:00.000000+00:00",
    }
    return json.dumps({"data": {"statusChanged": event}}, separators=(",", ":"))


@asynccontextmanager
async def open_gateway(url: str, folder: Path) -> AsyncIterator[Gateway]:
    """Run a gateway on a migrated database without buckets for the length of the block."""
    async with open_database(url, size=1) as database:
        first = await ensure_default(database, folder / "key")
    async with AsyncExitStack() as stack:
        connections = [await asyncpg.connect(url) for _ in range(2)]
        for each in connections:
            stack.push_async_callback(each.close)
            await each.execute(_SET_NAMESPACE)
        bucket_id, objects = new_id("bkt"), [new_id("obj") for _ in range(MOST_AT_ONCE + 1)]
        await connections[0].execute(_ADD_BUCKET, bucket_id)
        await connections[0].execute(_ADD_OBJECTS, bucket_id, objects)
        headers = {"Authorization": f"Bearer {first.secret}", "X-Namespace": first.namespace_name}
        server = stack.enter_context(contenders.open_gateway(url, folder, headers))
        query = f"subscription {{ statusChanged {{ ... on StatusEvent {{ {FIELDS} }} }} }}"
        yield Gateway(server.pid, Target(server.port, query, headers), connections, objects)


@contextmanager
def open_raw(folder: Path) -> Iterator[Server]:
    """Run the bare broadcast for the length of the block."""
    # By its path: as a module it would load all that is around it, the gateway too.
    with _open_broadcast("raw", [sys.executable, "-P", raw.__file__], {}, folder) as server:
        yield server


@contextmanager
def open_graphql_ws(folder: Path, packages: Path) -> Iterator[Server]:
    """Run npm's graphql-ws for the length of the block."""
    command = [shutil.which("node") or "node", str(graphql_ws.SERVER)]
    settings = {"BENCH_PACKAGES": str(packages)}
    with _open_broadcast("graphql-ws", command, settings, folder) as server:
        yield server


@contextmanager
def _open_broadcast(
    name: str, command: list[str], settings: dict[str, str], folder: Path
) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        settings = {**settings, "BENCH_SOCKET": str(listening.fileno())}
        port = listening.getsockname()[1]
        with contenders.running(
            name, command, settings, folder / f"{name}.log", descriptors=[listening.fileno()]
        ) as process:
            query = f"subscription {{ statusChanged {{ {FIELDS} }} }}"
            yield Broadcast(name, process.pid, Target(port, query, {}))

"""What a handler can reach at best: aiohttp, asyncpg and SQL by hand, without GraphQL.

It keeps callers and namespaces apart as a careful developer would by hand: the key is looked up and
kept for a few seconds, and every table is narrowed to the namespace. It connects as a role that no
row level security binds, so the second lock costs it nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvloop
from aiohttp import web

from gateway.database.ids import new_id

POOL_SIZE = 10
TRUST_S = 3.0

_WORKLOADS = Path(__file__).parent / "workloads"
_FIND_NAMESPACE = """
    SELECT n.id FROM api_keys k, namespaces n
    WHERE k.secret_sha256 = $1 AND k.revoked_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > now())
        AND n.namespace_name = $2 AND (k.namespaces IS NULL OR n.id = ANY (k.namespaces))
"""
_ADD_OBJECT = """
    INSERT INTO objects (namespace_id, id, bucket_id, key_prefix, metadata, content_hash,
        size_bytes)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    RETURNING status, created_at
"""
_ADD_BLOBS = """
    INSERT INTO blobs (namespace_id, object_id, bucket_id, id, position, property, type, properties,
        size_bytes, mime_type, hash, has_bytes)
    SELECT $1, $2, $3, id, place - 1, property, 'JSON', properties, size_bytes, 'application/json',
        hash, false
    FROM unnest($4::text[], $5::text[], $6::jsonb[], $7::bigint[], $8::text[])
        WITH ORDINALITY AS blob (id, property, properties, size_bytes, hash, place)
"""

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Handlers:
    """The handlers, one for each workload."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._callers: dict[tuple[str, str], tuple[str, float]] = {}

    def reading(self, workload: str) -> Handler:
        """Return a handler that answers with the one value of a statement."""
        sql = (_WORKLOADS / f"{workload}.sql").read_text()

        async def read(request: web.Request) -> web.Response:
            namespace_id = await self._namespace(request)
            variables = orjson.loads(await request.read())
            async with self._pool.acquire() as connection:
                answer = await connection.fetchval(sql, namespace_id, variables["id"])
            if answer is None:
                raise web.HTTPNotFound
            return web.Response(body=answer.encode(), content_type="application/json")

        return read

    async def create_object(self, request: web.Request) -> web.Response:
        """Insert an object with structured blobs; answer with what is kept of it."""
        namespace_id = await self._namespace(request)
        given = orjson.loads(await request.read())["input"]
        object_id, bucket_id = new_id("obj"), given["bucketId"]
        blobs = [blob(each) for each in given["blobs"]]
        hashes = [each["details"]["hash"] for each in blobs]
        sizes = [each["details"]["sizeBytes"] for each in blobs]
        content_hash = hashlib.sha256("".join(hashes).encode()).hexdigest()
        async with self._pool.acquire() as connection, connection.transaction():
            (made,) = await connection.fetch(
                _ADD_OBJECT,
                namespace_id,
                object_id,
                bucket_id,
                given["keyPrefix"],
                orjson.dumps(given["metadata"]).decode(),
                content_hash,
                sum(sizes),
            )
            await connection.execute(
                _ADD_BLOBS,
                namespace_id,
                object_id,
                bucket_id,
                [each["id"] for each in blobs],
                [each["property"] for each in blobs],
                [orjson.dumps(each["properties"]).decode() for each in blobs],
                sizes,
                hashes,
            )
        answer = {
            "id": object_id,
            "bucketId": bucket_id,
            "keyPrefix": given["keyPrefix"],
            "status": made["status"],
            "metadata": given["metadata"],
            "contentHash": content_hash,
            "createdAt": made["created_at"],
            "blobs": blobs,
        }
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    async def _namespace(self, request: web.Request) -> str:
        shown = (
            request.headers.get("Authorization", ""),
            request.headers.get("X-Namespace", ""),
        )
        namespace_id, until = self._callers.get(shown, ("", 0.0))
        if time.monotonic() >= until:
            secret = shown[0].removeprefix("Bearer ")
            digest = hashlib.sha256(secret.encode()).digest()
            async with self._pool.acquire() as connection:
                namespace_id = await connection.fetchval(_FIND_NAMESPACE, digest, shown[1])
            if namespace_id is None:
                raise web.HTTPUnauthorized
            self._callers[shown] = (namespace_id, time.monotonic() + TRUST_S)
        return namespace_id


def blob(given: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a blob of structured data."""
    # Canonical for data of plain keys and whole numbers, as the workload's are.
    text = orjson.dumps(given["data"], option=orjson.OPT_SORT_KEYS)
    return {
        "id": new_id("blob"),
        "property": given["property"],
        "type": "JSON",
        "properties": given["data"],
        "details": {
            "sizeBytes": len(text),
            "mimeType": "application/json",
            "hash": hashlib.sha256(text).hexdigest(),
        },
    }


async def _keep(_: asyncpg.Connection) -> None:
    """Reset nothing: no handler leaves anything set."""


async def serve(url: str, listening: socket.socket) -> None:
    """Serve for ever."""
    async with asyncpg.create_pool(
        url,
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
        reset=_keep,
        max_cached_statement_lifetime=0,
        server_settings={"TimeZone": "UTC", "jit": "off"},
    ) as pool:
        handlers = Handlers(pool)
        app = web.Application()
        for workload in ("W1", "W2", "W3", "W4"):
            app.router.add_post(f"/{workload}", handlers.reading(workload))
        app.router.add_post("/W5", handlers.create_object)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with (
        socket.socket(fileno=int(os.environ["BENCH_SOCKET"])) as given_socket,
        # As the gateway does, so that the loop is no part of the difference.
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(serve(os.environ["BENCH_DATABASE_URL"], given_socket))

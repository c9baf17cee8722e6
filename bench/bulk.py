"""How fast createDocuments is beside a bare COPY of the rows that it makes."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import aiohttp
import asyncpg
import click
import orjson
from aiohttp.test_utils import TestServer

from gateway.app import make_app
from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.database import migrate
from gateway.database.embedded.options import SERVING, TESTING
from gateway.database.embedded.server import EmbeddedPostgres, open_postgres
from gateway.database.ids import new_id
from gateway.database.pool import open_database
from gateway.database.state import open_state
from gateway.namespaces.first_key import ensure_default
from gateway.settings import Settings

AT_A_TIME = 1000
_OBJECTS, _FRAMES = 50, 10

_CREATE = """
mutation ($inputs: [CreateDocumentInput!]!) {
  createDocuments(inputs: $inputs) {
    results { document { id } errors { code message path } }
    succeeded
  }
}
"""
_CREATE_BUCKET = """
mutation ($input: CreateBucketInput!) { createBucket(input: $input) { bucket { id } } }
"""
_CREATE_OBJECTS = """
mutation ($inputs: [CreateObjectInput!]!) {
  createObjects(inputs: $inputs) { results { object { id } } }
}
"""
_CREATE_COLLECTION = """
mutation ($input: CreateCollectionInput!) {
  createCollection(input: $input) { collection { id } }
}
"""


class Run(NamedTuple):
    """Seconds for the same number of documents, by either way."""

    mutation: float
    copy: float


class Gateway:
    """One that listens in this process, and who asks it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str) -> None:
        self._session = session
        self._url = url
        self._headers = {
            "Authorization": f"Bearer {secret}",
            "X-Namespace": "default",
            "Content-Type": "application/json",
        }

    async def send(self, body: bytes) -> bytes:
        """Return the answer to a request."""
        async with self._session.post(self._url, data=body, headers=self._headers) as answer:
            return await answer.read()

    async def payload(self, query: str, **variables: Any) -> Any:
        """Return the payload of a mutation."""
        answer = orjson.loads(await self.send(_body(query, variables)))
        if "errors" in answer:
            raise click.ClickException(str(answer["errors"][0]))
        (payload,) = answer["data"].values()
        return payload


@click.command(short_help=__doc__)
@click.option("--rounds", default=21, show_default=True, help="Pairs of runs.")
@click.option("--durable", is_flag=True, help="Wait for the disk at each commit, as in production.")
@click.option("--postgres-bin", default="", help="Programs of another PostgreSQL.")
def main(rounds: int, durable: bool, postgres_bin: str) -> None:
    """Make 1000 documents by one createDocuments over HTTP, and copy rows like theirs.

    Each document derives from another one, three levels deep, of 500. Both ways take turns. The
    copy is asyncpg's, binary, of rows that are there already, by a superuser, into the same tables
    with the same indexes, foreign keys and triggers; a ratio is of throughput, in the same round.
    """
    with (
        tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder,
        open_state(folder) as state,
        open_postgres(
            state, postgres_bin=postgres_bin, settings=SERVING if durable else TESTING
        ) as postgres,
    ):
        runs = asyncio.run(_measure(postgres, Path(folder), rounds))
    ratios = sorted(run.copy / run.mutation for run in runs)
    click.echo("| way | ms per 1000 documents | throughput, to the copy's (range) |")
    click.echo("| --- | --- | --- |")
    shown = f"{median(ratios):.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f})"
    click.echo(f"| createDocuments | {median(run.mutation for run in runs) * 1000:.0f} | {shown} |")
    click.echo(f"| COPY | {median(run.copy for run in runs) * 1000:.0f} | 1 |")


async def _measure(postgres: EmbeddedPostgres, folder: Path, rounds: int) -> list[Run]:
    await migrate.up(postgres.url)
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(_serve(postgres.url, folder))
        connection = await asyncpg.connect(postgres.superuser_url())
        stack.push_async_callback(connection.close)
        await connection.set_type_codec(
            "jsonb",
            schema="pg_catalog",
            format="binary",
            encoder=lambda value: b"\1" + orjson.dumps(value),
            decoder=lambda data: orjson.loads(data[1:]),
        )
        body = await _inputs(gateway)
        columns, rows = await _rows(connection, gateway, body)
        gc.collect()
        gc.freeze()  # as `gateway serve` does
        runs = []
        for turn in range(rounds + 3):
            run = Run(await _by_mutation(gateway, body), await _by_copy(connection, columns, rows))
            if turn >= 3:  # statements are prepared, caches are full
                runs.append(run)
        await _check(connection, (rounds + 4) * 2 - 1)
        return runs


@asynccontextmanager
async def _serve(url: str, folder: Path) -> AsyncIterator[Gateway]:
    async with open_database(url) as database:
        first = await ensure_default(database, folder / "key")
        signer = UrlSigner(b"k" * 32, public_url="http://gateway")
        blobs = LocalBlobStore(folder / "blobs", signer)
        app = make_app(settings=Settings(), database=database, blobs=blobs)
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            yield Gateway(session, str(server.make_url("/graphql")), first.secret)


async def _inputs(gateway: Gateway) -> bytes:
    """Make what documents are derived from; return a request that makes 1000 of them."""
    schema = {"properties": {"title": {"type": "string"}}}
    bucket = await gateway.payload(
        _CREATE_BUCKET, input={"bucketName": "bench", "bucketSchema": schema}
    )
    bucket_id = bucket["bucket"]["id"]
    objects = await gateway.payload(
        _CREATE_OBJECTS,
        inputs=[
            {"bucketId": bucket_id, "metadata": {"title": f"Film {n}", "year": 1990 + n}}
            for n in range(_OBJECTS)
        ],
    )
    object_ids = [each["object"]["id"] for each in objects["results"]]
    frames = await _collection(gateway, "frames", {"type": "BUCKET", "bucketIds": [bucket_id]})
    scenes = await _collection(gateway, "scenes", {"type": "COLLECTION", "collectionIds": [frames]})
    faces = await _collection(gateway, "faces", {"type": "COLLECTION", "collectionIds": [scenes]})
    first = [
        {"collectionId": frames, "sourceObjectId": object_ids[n % _OBJECTS]}
        for n in range(_OBJECTS * _FRAMES)
    ]
    second = [
        {"collectionId": scenes, "sourceDocumentId": id} for id in await _documents(gateway, first)
    ]
    sources = await _documents(gateway, second)
    inputs = [
        {
            "collectionId": faces,
            "sourceDocumentId": sources[n % len(sources)],
            "metadata": {"face": n, "score": n / AT_A_TIME, "name": f"Person {n % 40}"},
            "features": [{"featureExtractorId": "faces_v1", "payload": {"box": [n, n, 32, 32]}}],
        }
        for n in range(AT_A_TIME)
    ]
    return _body(_CREATE, {"inputs": inputs})


async def _collection(gateway: Gateway, name: str, source: Any) -> str:
    extractor = {"name": name, "version": "v1"}
    input = {"collectionName": name, "source": source, "featureExtractor": extractor}
    payload = await gateway.payload(_CREATE_COLLECTION, input=input)
    id: str = payload["collection"]["id"]
    return id


async def _documents(gateway: Gateway, inputs: list[Any]) -> list[str]:
    payload = await gateway.payload(_CREATE, inputs=inputs)
    if payload["succeeded"] != len(inputs):
        raise click.ClickException(str(payload["results"][0]))
    return [each["document"]["id"] for each in payload["results"]]


async def _rows(
    connection: asyncpg.Connection, gateway: Gateway, body: bytes
) -> tuple[list[str], list[list[Any]]]:
    """Return the rows of 1000 documents that the gateway has made."""
    answer = orjson.loads(await gateway.send(body))
    ids = [each["document"]["id"] for each in answer["data"]["createDocuments"]["results"]]
    found = await connection.fetch("SELECT * FROM documents WHERE id = ANY ($1) ORDER BY id", ids)
    return list(found[0].keys()), [list(row.values()) for row in found]


async def _by_mutation(gateway: Gateway, body: bytes) -> float:
    started = time.perf_counter()
    answer = await gateway.send(body)
    elapsed = time.perf_counter() - started
    if b'"succeeded":1000' not in answer:
        raise click.ClickException(answer[:1000].decode())
    return elapsed


async def _by_copy(
    connection: asyncpg.Connection, columns: list[str], rows: list[list[Any]]
) -> float:
    place = columns.index("id")
    for row in rows:
        row[place] = new_id("doc")
    started = time.perf_counter()
    await connection.copy_records_to_table("documents", records=rows, columns=columns)
    return time.perf_counter() - started


async def _check(connection: asyncpg.Connection, bulks: int) -> None:
    """See to it that both ways have made what they should."""
    count = await connection.fetchval(
        "SELECT count(*) FROM documents WHERE lineage_path LIKE '%/%/%/%'"
    )
    if count != bulks * AT_A_TIME:
        raise click.ClickException(f"there are {count} documents of {bulks * AT_A_TIME}")


def _body(query: str, variables: dict[str, Any]) -> bytes:
    return orjson.dumps({"query": query, "variables": variables})

"""One statement for each root field: what PostgreSQL itself counts while a gateway is asked."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import pytest

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.database import migrate
from gateway.database.embedded.binaries import Binaries
from gateway.database.embedded.options import STATEMENT_STATISTICS
from gateway.database.ids import new_id
from gateway.database.pool import open_database
from gateway.schema import make_schema
from gateway.settings import Settings
from tests.client import new_client
from tests.conftest import Server
from tests.documents.making import Family, make_family

from .conftest import Served, serve

QUERIES = 100

# Each root field with much beneath it.
ROOTS = {
    "viewer": """{
        namespace { namespaceName bucketCount objectCount documentCount }
        apiKey { name status } }""",
    "node": "(id: $document) { __typename id ... on Document { collection { collectionName } } }",
    "nodes": """(ids: [$object, $document, $bucket]) { id
        ... on BucketObject { documentCount blobs { presignedUrl } }
        ... on Bucket { bucketName } }""",
    "buckets": """(first: 5, orderBy: {field: CREATED_AT, direction: DESC}) {
        totalCount
        edges { cursor node { bucketName storageStats { maxSizeBytes }
            objects(first: 3) { totalCount statusCounts { status count }
                nodes { id blobs { sharedBy presignedUrl }
                    documents(first: 3) { totalCount nodes { children { nodes { id } } } } } } } }
        pageInfo { hasNextPage endCursor } }""",
    "bucket": """(id: $bucket) {
        objectCount lastUploadAt
        objects(last: 4, filter: {status: {ne: ARCHIVED}}) { totalCount nodes { metadata } }
        documents(first: 4, orderBy: {field: METADATA, metadataPath: "n"}) { totalCount
            nodes { id lineageChain { collection { collectionName } } } } }""",
    "object": """(id: $object) {
        bucket { bucketName } blobs { property presignedUrl }
        documents(directOnly: true) { totalCount nodes { id ancestors { id } } }
        lineage { ...Graph } }""",
    "document": """(id: $document) {
        ...Links source { __typename } rootObject { id bucket { id } }
        ancestors { id collection { documentCount } } children { totalCount nodes { id } }
        lineage(direction: BOTH, collectionIds: [$collection]) { ...Graph } }""",
    "collections": "(first: 3) { totalCount nodes { upstream { id } downstream { id } } }",
    "collection": """(id: $collection) {
        documentCount documents(first: 3) { totalCount nodes { ...Links } } }""",
    "lineage": "(id: $document, collectionIds: [$collection]) { ...Graph }",
    "upload": f"""(id: "{new_id("upl")}") {{
        status target {{ url parts {{ number url }} }} receivedParts {{ number }} }}""",
    "statusTransitions": "{ kind from to }",
}
UNREAD = "statusTransitions"  # the one root field that no table has
FRAGMENTS = {
    "...Links": """fragment Links on Document {
        documentBlobs { field presignedUrl } presignedUrl presignedUrls(expiresIn: 60) }""",
    "...Graph": """fragment Graph on LineageGraph {
        root complete truncatedBy edges { from to featureExtractorId }
        nodes { distance childCount node { id ... on Document { status } } } }""",
}

_SINCE = """
    SELECT query, calls FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND userid = 'gateway'::regrole
"""
_FORGET = """
    SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()
"""

# What is sent whatever is read.
_BESIDE = (
    "SELECT api_keys.",
    "UPDATE api_keys ",
    "SELECT sequence_events(",
    "SELECT clear_event_outbox(",
    "SELECT drop_event_days(",
    "SELECT open_event_epoch(",
    "SELECT pg_try_advisory_lock(",
    "SELECT coalesce((SELECT mark FROM event_epochs",
    "SELECT mark, first_seq FROM event_epochs",
    "SELECT set_config(",
    "LISTEN ",
    # Of transactions, which no read has.
    "BEGIN",
    "SET LOCAL plan_cache_mode",
    "COMMIT",
)


class Counter:
    """What PostgreSQL has counted."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def forget(self) -> None:
        await self._connection.execute(_FORGET)

    async def statements(self) -> list[str]:
        """Return each statement that the gateway has sent to answer, as often as it did.

        Whose the key is it asks, and notes that it was used, now and then, whatever is read; and
        it looks for events all the time.
        """
        rows = await self._connection.fetch(_SINCE)
        return [
            row["query"]
            for row in rows
            if not row["query"].startswith(_BESIDE)
            for _ in range(row["calls"])
        ]


class Counted(NamedTuple):
    """A gateway on a server that counts statements, and a family of documents in it."""

    served: Served
    namespace_id: str
    family: Family
    counter: Counter


@pytest.fixture
async def counted(
    any_postgres: str,
    any_binaries: Binaries,
    servers: Callable[[Path], Server],
    tmp_path: Path,
) -> AsyncIterator[Counted]:
    if not any_binaries.has_library(STATEMENT_STATISTICS):
        reason = f"PostgreSQL {any_binaries.major} is installed without {STATEMENT_STATISTICS}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    await migrate.up(any_postgres)
    name = urlsplit(any_postgres).path.removeprefix("/")
    connection = await asyncpg.connect(servers(any_binaries.folder).postgres.superuser_url(name))
    blobs = LocalBlobStore(tmp_path / "blobs", UrlSigner(b"k" * 32, public_url="http://gateway"))
    async with (
        open_database(any_postgres) as database,
        serve(database, tmp_path, Settings()) as served,
    ):
        client = await new_client(database, blobs, tmp_path / "blobs")
        family = await make_family(client)
        yield Counted(served, client.namespace_id, family, Counter(connection))
    await connection.close()


def requests(family: Family) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Yield, for each query, its root fields and the body of its request."""
    random = Random(1)  # noqa: S311 - nothing here is secret
    ids = {
        "$bucket": [family.bucket],
        "$object": [family.object],
        "$document": [family.frame, family.scene, family.face],
        "$collection": [family.frames, family.scenes, family.faces],
    }
    for number in range(QUERIES):
        # Each root field stands in some query alone, in others beside others.
        fields = [[*ROOTS][number % len(ROOTS)], *random.choices([*ROOTS], k=number % 4)]
        text = " ".join(f"r{place}: {name} {ROOTS[name]}" for place, name in enumerate(fields))
        used = {name: random.choice(each) for name, each in ids.items() if name in text}
        declared = ", ".join(f"{name}: ID!" for name in used)
        fragments = [fragment for name, fragment in FRAGMENTS.items() if name in text]
        yield (
            fields,
            {
                "query": " ".join(
                    [f"query {declared and f'({declared})'} {{ {text} }}", *fragments]
                ),
                "variables": {name.removeprefix("$"): id_ for name, id_ in used.items()},
            },
        )


def test_every_root_field_is_asked_for() -> None:
    schema = make_schema()._schema
    assert schema.query_type is not None
    assert set(ROOTS) == set(schema.query_type.fields)


async def test_postgresql_counts_one_statement_for_each_root_field(counted: Counted) -> None:
    headers = {"X-Namespace": counted.namespace_id}

    for fields, body in requests(counted.family):
        await counted.counter.forget()
        status, answer = await counted.served.post(body, headers=headers)
        sent = await counted.counter.statements()

        assert (status, answer.get("errors")) == (200, None), body
        assert len(sent) == sum(name != UNREAD for name in fields), (fields, sent)

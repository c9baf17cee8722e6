"""A small world in two namespaces with equal ids, and an engine that shows its statements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.caller import Caller
from gateway.context import Context
from gateway.database.connecting import prepare_connection
from gateway.database.pool import Database, open_database
from gateway.enums import Permission
from gateway.events.cursors import EventCursors
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.housekeeping import Housekeeper
from gateway.http.strict_json import encode
from gateway.limits import Limits
from gateway.namespaces.authentication import Authenticator
from gateway.planner.reader import Reader
from gateway.query_limits.limits import QueryLimits
from gateway.schema import GatewaySchema, make_schema
from tests.conftest import Server

OURS, THEIRS, LISTS = (f"ns_{number:026d}" for number in (1, 2, 3))


def an_id(prefix: str, number: int) -> str:
    return f"{prefix}_{number:026d}"


KEY = an_id("key", 1)
BUCKET, EMPTY_BUCKET = an_id("bkt", 1), an_id("bkt", 2)
OBJECTS = [an_id("obj", number) for number in range(1, 6)]
FRAMES, SCENES, FACES = (an_id("col", number) for number in (1, 2, 3))
# Of the first object: two frames, each with two scenes, each with one face.
FRAME_1, FRAME_2 = an_id("doc", 1), an_id("doc", 2)
SCENES_OF_1 = [an_id("doc", 11), an_id("doc", 12)]
FACES_OF_1 = [an_id("doc", 111), an_id("doc", 121)]
TRICKY = {"quote": 'a"b', "line": "x\ny", "percent": "%_\\", "ü": None}


class RecordingReader(Reader):
    """Runs statements, and remembers them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.read_with: list[tuple[str, Sequence[Any]]] = []

    async def read(self, sql: str, parameters: Sequence[Any]) -> bytes | None:
        self.read_with.append((sql, parameters))
        return await super().read(sql, parameters)


class Engine:
    """Executes queries as an administrator of one namespace."""

    def __init__(self, schema: GatewaySchema, database: Database, folder: Path) -> None:
        self.schema = schema
        self.reader = RecordingReader(database)
        self._database = database
        signer = UrlSigner(b"k" * 32, public_url="http://here")
        self._blobs = LocalBlobStore(folder, signer)

    @property
    def statements(self) -> list[str]:
        return [sql for sql, _ in self.reader.read_with]

    async def run(
        self, query: str, *, namespace: str = OURS, **variables: Any
    ) -> tuple[Any, list[Any]]:
        """Return the data as a client gets them, and the errors."""
        self.reader.read_with.clear()
        context = self.context(namespace)
        result = await self.schema.execute(query, variable_values=variables, context_value=context)
        return orjson.loads(encode(result.data)), result.errors or []

    def context(self, namespace: str = OURS) -> Context:
        return Context(
            caller=Caller(KEY, frozenset({Permission.ADMIN}), None, namespace),
            database=self._database,
            reader=self.reader,
            blobs=self._blobs,
            fetcher=Fetcher(FetchRules()),
            limits=Limits(),
            authenticator=Authenticator(self._database),
            cursors=EventCursors(),
            housekeeper=Housekeeper(self._database, self._blobs),
        )

    async def execute(self, query: str, *, namespace: str = OURS, **variables: Any) -> Any:
        """Return the data of a query without errors."""
        data, errors = await self.run(query, namespace=namespace, **variables)
        assert not errors
        return data


# What is unlike in the objects of LISTS: metadata, key_prefix, status.
UNLIKE: list[tuple[dict[str, Any], str | None, str]] = [
    ({"year": 2024, "tag": "a%b", "deep": {"x.y": 1}}, "/b", "DRAFT"),
    ({"year": 2023.5, "tag": "A_b", "deep": {"x.y": [1]}}, "/a", "COMPLETED"),
    ({"year": "2024", "tag": None}, None, "DRAFT"),
    ({"year": None, "tag": "aXb"}, "/a", "FAILED"),
    ({}, "", "DRAFT"),
]


@pytest.fixture(scope="session")
def schema() -> GatewaySchema:
    return make_schema(QueryLimits(aliases=1000))


@pytest.fixture(scope="session")
async def world(server: Server, migrated_template: str) -> AsyncIterator[Database]:
    """A database that these tests only read."""
    name = await server.create(template=migrated_template)
    connection = await asyncpg.connect(server.url(name))
    await prepare_connection(connection)
    await connection.execute(
        "INSERT INTO api_keys (id, name, key_prefix, secret_sha256, permissions)"
        " VALUES ($1, 'k', 'sk_', 'x', '{ADMIN}')",
        KEY,
    )
    for namespace, title in ((OURS, "ours"), (THEIRS, "theirs"), (LISTS, "lists")):
        async with connection.transaction():
            await _fill(connection, namespace, title)
    async with connection.transaction():
        await _make_unlike(connection)
    await connection.close()
    async with open_database(server.url(name)) as database:
        yield database


@pytest.fixture
async def engine(schema: GatewaySchema, world: Database, tmp_path: Path) -> Engine:
    return Engine(schema, world, tmp_path)


async def _make_unlike(connection: asyncpg.Connection) -> None:
    await connection.execute("SELECT set_config('app.namespace_id', $1, true)", LISTS)
    await connection.execute("ALTER TABLE objects DISABLE TRIGGER USER")  # any status will do
    for object_id, (metadata, key_prefix, status) in zip(OBJECTS, UNLIKE, strict=True):
        await connection.execute(
            "UPDATE objects SET metadata = $2, key_prefix = $3, status = $4 WHERE id = $1",
            object_id,
            metadata,
            key_prefix,
            status,
        )
    await connection.execute("ALTER TABLE objects ENABLE TRIGGER USER")


async def _fill(connection: asyncpg.Connection, namespace: str, name: str) -> None:
    """Write the world of one namespace; its texts carry the namespace's name."""
    await connection.execute("SELECT set_config('app.namespace_id', $1, true)", namespace)
    await connection.execute(
        "INSERT INTO namespaces (id, namespace_name) VALUES ($1, $2)", namespace, name
    )
    for bucket, bucket_name in ((BUCKET, f"{name} videos"), (EMPTY_BUCKET, f"{name} empty")):
        await connection.execute(
            "INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)"
            " VALUES ($1, $2, $3, '{\"properties\": {}}')",
            namespace,
            bucket,
            bucket_name,
        )
    await _fill_objects(connection, namespace, name)
    await _fill_collections(connection, namespace, name)
    for frame in (1, 2):
        await _document(connection, namespace, an_id("doc", frame), FRAMES)
        for scene in (frame * 10 + 1, frame * 10 + 2):
            parent = (an_id("doc", frame), FRAMES)
            await _document(connection, namespace, an_id("doc", scene), SCENES, parent)
            face = an_id("doc", scene * 10 + 1)
            await _document(connection, namespace, face, FACES, (an_id("doc", scene), SCENES))


async def _fill_objects(connection: asyncpg.Connection, namespace: str, name: str) -> None:
    """Write five objects with two blobs each, of which the first alone has bytes."""
    for number, object_id in enumerate(OBJECTS, 1):
        await connection.execute(
            "INSERT INTO objects"
            " (namespace_id, id, bucket_id, key_prefix, metadata, size_bytes, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, '2026-01-02T03:04:05Z')",
            namespace,
            object_id,
            BUCKET,
            f"/{name}/{number}",
            TRICKY | {"number": number},
            number * 100,
        )
        await connection.execute(
            "INSERT INTO contents (namespace_id, hash, size_bytes, key) VALUES ($1, $2, 50, $3)",
            namespace,
            f"{number:064x}",
            f"{namespace}/{number}",
        )
        for position in (0, 1):
            await connection.execute(
                "INSERT INTO blobs (namespace_id, id, object_id, bucket_id, position, property,"
                " type, hash, has_bytes, filename, size_bytes)"
                " VALUES ($1, $2, $3, $4, $5, 'image', 'IMAGE', $6, $7, $8, 50)",
                namespace,
                an_id("blob", number * 10 + position),
                object_id,
                BUCKET,
                position,
                f"{number:064x}",
                position == 0,
                f"{name}.png",
            )


async def _fill_collections(connection: asyncpg.Connection, namespace: str, name: str) -> None:
    """Write three collections, each fed by the one before it."""
    for collection, title in ((FRAMES, "frames"), (SCENES, "scenes"), (FACES, "faces")):
        await connection.execute(
            "INSERT INTO collections (namespace_id, id, collection_name, source_type,"
            " extractor_name, extractor_version) VALUES ($1, $2, $3, $4, $5, 'v1')",
            namespace,
            collection,
            f"{name} {title}",
            "BUCKET" if collection == FRAMES else "COLLECTION",
            title,
        )
    for collection, *source in (
        (FRAMES, BUCKET, None),
        (SCENES, None, FRAMES),
        (FACES, None, SCENES),
    ):
        await connection.execute(
            "INSERT INTO collection_sources VALUES ($1, $2, 0, $3, $4)",
            namespace,
            collection,
            *source,
        )


async def _document(
    connection: asyncpg.Connection,
    namespace: str,
    document: str,
    collection: str,
    parent: tuple[str, str] | None = None,
) -> None:
    step: dict[str, str | None] = {
        "collection_id": collection,
        "feature_extractor_id": "x_v1",
        "document_id": parent and parent[0],
        "timestamp": "2026-01-02T03:04:05Z",
    }
    blob = {"blob_id": an_id("blob", 10), "blob_property": "image", "blob_type": "IMAGE"}
    await connection.execute(
        "INSERT INTO documents (namespace_id, id, collection_id, root_object_id, root_bucket_id,"
        " source_type, source_object_id, source_document_id, source_collection_id, lineage_chain,"
        " source_blobs, vector) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        namespace,
        document,
        collection,
        OBJECTS[0],
        BUCKET,
        "COLLECTION" if parent else "BUCKET",
        None if parent else OBJECTS[0],
        parent and parent[0],
        parent and parent[1],
        [step],
        [blob],
        [1.0, 2.5],
    )

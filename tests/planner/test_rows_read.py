"""How many rows PostgreSQL reads for a page: those of the page, wherever it is in the list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import orjson
import pytest

from gateway.database.pool import Database, open_database
from gateway.schema import GatewaySchema
from tests.conftest import Server

from .conftest import OURS, Engine, an_id

BUCKET, COLLECTION, OBJECT = an_id("bkt", 1), an_id("col", 1), an_id("obj", 1)
MANY, PAGE = 2000, 20

# Ids and moments go in opposite directions, so that an index of the one is no help for the other.
_FILL = f"""
    SELECT set_config('app.namespace_id', '{OURS}', true);
    INSERT INTO namespaces (id, namespace_name) VALUES ('{OURS}', 'ours');
    INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
        VALUES ('{OURS}', '{BUCKET}', 'videos', '{{"properties": {{}}}}');
    INSERT INTO collections (namespace_id, id, collection_name, source_type, extractor_name,
        extractor_version) VALUES ('{OURS}', '{COLLECTION}', 'frames', 'BUCKET', 'x', 'v1');
    INSERT INTO objects (namespace_id, id, bucket_id, created_at)
        SELECT '{OURS}', 'obj_' || lpad(n::text, 26, '0'), '{BUCKET}',
            timestamptz '2026-01-02' - n * interval '1 second'
        FROM generate_series(1, {MANY}) n;
    INSERT INTO documents (namespace_id, id, collection_id, root_object_id, root_bucket_id,
        source_type, source_object_id, created_at)
        SELECT '{OURS}', 'doc_' || lpad(n::text, 26, '0'), '{COLLECTION}', '{OBJECT}', '{BUCKET}',
            'BUCKET', '{OBJECT}', timestamptz '2026-01-02' - n * interval '1 second'
        FROM generate_series(1, {MANY}) n;
"""  # noqa: S608


class List(NamedTuple):
    """A connection with many rows."""

    parent: str
    id: str
    name: str
    kind: str

    def query(self, selected: str) -> str:
        """Return a query for a page."""
        return f"""
            query ($order: [{self.kind}Order!], $first: Int, $after: String, $last: Int,
                $before: String) {{
                {self.parent}(id: "{self.id}") {{
                    {self.name}(orderBy: $order, first: $first, after: $after, last: $last,
                        before: $before) {{ {selected} }} }} }}
        """


OBJECTS = List("bucket", BUCKET, "objects", "Object")
OF_COLLECTION = List("collection", COLLECTION, "documents", "Document")
OF_BUCKET = List("bucket", BUCKET, "documents", "Document")
OF_OBJECT = List("object", OBJECT, "documents", "Document")


class Reading:
    """Runs queries, and tells how PostgreSQL ran their statements."""

    def __init__(self, engine: Engine, connection: asyncpg.Connection) -> None:
        self.engine = engine
        self._connection = connection

    async def page(self, list_: List, selected: str, **arguments: Any) -> Any:
        answer = await self.engine.execute(list_.query(selected), **arguments)
        return answer[list_.parent][list_.name]

    async def rows(self) -> int:
        """Return how many objects and documents the last statement read."""
        ((sql, parameters),) = self.engine.reader.read_with
        values = ", ".join([await self._quoted(each) for each in parameters])
        await self._connection.execute(f"PREPARE page AS {sql}")
        found = await self._connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page ({values})"
        )
        await self._connection.execute("DEALLOCATE page")
        return sum(_rows_read(orjson.loads(found)[0]["Plan"]))

    async def _quoted(self, value: Any) -> str:
        if isinstance(value, datetime):
            value = value.isoformat()
        text = None if value is None else str(value)
        quoted: str = await self._connection.fetchval("SELECT quote_nullable($1::text)", text)
        return quoted


def _rows_read(node: dict[str, Any]) -> Iterator[int]:
    if node.get("Relation Name") in ("objects", "documents"):
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        yield int(rows * node["Actual Loops"])
    for inner in node.get("Plans", ()):
        yield from _rows_read(inner)


@pytest.fixture(scope="module")
async def many_rows(server: Server, migrated_template: str) -> AsyncIterator[str]:
    """The URL of a database with long lists."""
    name = await server.create(template=migrated_template)
    superuser = await asyncpg.connect(server.postgres.superuser_url(name))
    await superuser.execute(_FILL)
    await superuser.execute("VACUUM ANALYZE")
    await superuser.close()
    yield server.url(name)
    await server.drop(name)


@pytest.fixture
async def many(many_rows: str) -> AsyncIterator[Database]:
    async with open_database(many_rows) as database:
        yield database


@pytest.fixture
async def reading(
    many: Database, many_rows: str, schema: GatewaySchema, tmp_path: Path
) -> AsyncIterator[Reading]:
    # The plan that a server keeps after it has run a prepared statement a few times.
    settings = {"plan_cache_mode": "force_generic_plan", "jit": "off"}
    connection = await asyncpg.connect(many_rows, server_settings=settings)
    yield Reading(Engine(schema, many, tmp_path), connection)
    await connection.close()


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", [None, "CREATED_AT"])
@pytest.mark.parametrize(
    "list_", [OBJECTS, OF_COLLECTION, OF_BUCKET], ids=lambda each: f"{each.parent}.{each.name}"
)
async def test_a_page_is_all_that_is_read(
    reading: Reading, list_: List, field: str | None, direction: str
) -> None:
    order: Sequence[Any] | None = [{"field": field, "direction": direction}] if field else None
    edges = await reading.page(list_, "edges { cursor }", order=order, first=MANY // 2)
    middle = edges["edges"][-1]["cursor"]

    for place in (
        {"first": PAGE},
        {"first": PAGE, "after": middle},
        {"last": PAGE},
        {"last": PAGE, "before": middle},
    ):
        page = await reading.page(
            list_, "nodes { id } pageInfo { hasNextPage hasPreviousPage }", order=order, **place
        )

        assert len(page["nodes"]) == PAGE
        # The page, a row behind it, and one before it.
        assert await reading.rows() <= PAGE + 2, place


@pytest.mark.parametrize(
    "list_", [OBJECTS, OF_COLLECTION, OF_OBJECT], ids=lambda each: f"{each.parent}.{each.name}"
)
async def test_a_whole_list_is_not_read_to_count_it(reading: Reading, list_: List) -> None:
    page = await reading.page(list_, "totalCount nodes { id }", first=PAGE)

    assert page["totalCount"] == MANY
    # The object that a list belongs to is a row, too.
    assert await reading.rows() <= PAGE + 1

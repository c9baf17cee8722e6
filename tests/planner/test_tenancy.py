"""Namespaces with equal ids: nothing of another one is read, even without our predicate."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.database.pool import Database, open_database
from gateway.planner.splice import Shape
from gateway.planner.statement import StatementBuilder
from gateway.schema import GatewaySchema
from tests.conftest import Server

from .conftest import BUCKET, FACES_OF_1, OBJECTS, OURS, THEIRS, Engine

EVERYTHING = f"""{{
  buckets {{ totalCount nodes {{ bucketName objectCount objects {{ totalCount nodes {{ keyPrefix
    blobs {{ sharedBy details {{ filename }} }} documents {{ totalCount nodes {{ collection {{
    collectionName }} }} }} }} }} }} }}
  document(id: "{FACES_OF_1[0]}") {{ ancestors {{ collection {{ collectionName }} }}
    lineageChain {{ collection {{ collectionName }} }} source {{ ... on Document {{ collection {{
    collectionName }} }} }} rootBucket {{ bucketName }} sourceBlobs {{ blob {{ details {{ filename
    }} }} }} lineage(direction: BOTH) {{ nodes {{ childCount node {{ ... on Document {{ collection
    {{ collectionName }} }} }} }} }} }}
  collections {{ totalCount nodes {{ collectionName documentCount upstream {{ ... on Bucket {{
    bucketName }} ... on Collection {{ collectionName }} }} downstream {{ collectionName }} }} }}
  nodes(ids: ["{BUCKET}", "{OBJECTS[0]}"]) {{ ... on Bucket {{ bucketName }}
    ... on BucketObject {{ keyPrefix bucket {{ bucketName }} }} }}
  viewer {{ namespace {{ namespaceName bucketCount objectCount documentCount }} }}
}}"""


async def test_shows_only_the_own_namespace(engine: Engine) -> None:
    ours = await engine.execute(EVERYTHING)
    theirs = await engine.execute(EVERYTHING, namespace=THEIRS)

    assert "ours videos" in str(ours)
    assert "theirs" not in str(ours)
    assert "ours" not in str(theirs)
    assert str(theirs).replace("theirs", "ours") == str(ours)


@pytest.fixture(params=["force_generic_plan", "force_custom_plan"])
async def on_one_connection(
    request: pytest.FixtureRequest,
    server: Server,
    schema: GatewaySchema,
    world: Database,
    tmp_path: Path,
) -> AsyncIterator[Engine]:
    """An engine whose statements go through one connection, planned in one of two ways."""
    async with world.connection() as connection:
        name = await connection.fetchval("SELECT current_database()")
    async with open_database(server.url(name), size=1) as database:
        async with database.connection() as connection:
            await connection.execute(f"SET plan_cache_mode = {request.param}")
        yield Engine(schema, database, tmp_path)


async def test_row_level_security_holds_without_our_predicate(
    on_one_connection: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = on_one_connection
    expected = {each: await engine.execute(EVERYTHING, namespace=each) for each in (OURS, THEIRS)}
    engine.schema.forget_plans()

    root = StatementBuilder.root

    def without_predicate(*given: Any) -> tuple[str, Shape | None]:
        sql, shape = root(*given)
        open_ = re.sub(r"\w*\.?namespace_id = \$1::text", "true", sql)
        assert open_ != sql or "namespaces" in sql or "api_keys" in sql
        return open_, shape

    monkeypatch.setattr(StatementBuilder, "root", without_predicate)
    # In turns: what the connection saw for one must not show to the other.
    for namespace in (OURS, THEIRS, OURS, THEIRS):
        assert await engine.execute(EVERYTHING, namespace=namespace) == expected[namespace]
    engine.schema.forget_plans()


async def test_nothing_is_read_before_the_namespace_is_set(on_one_connection: Engine) -> None:
    """PostgreSQL begins an InitPlan when its value is asked for, and CASE asks for it last."""
    engine = on_one_connection
    await engine.execute(EVERYTHING)

    for sql in engine.statements:
        async with engine.reader._database.connection() as connection:
            await connection.execute(f"PREPARE read AS {sql}")
            count = max(int(number) for number in re.findall(r"\$(\d+)", sql))
            values = ", ".join(["NULL"] * count)
            ((plan,),) = await connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE read({values})")
            await connection.execute("DEALLOCATE read")
        top = plan[0]["Plan"]
        assert top["Node Type"] == "Result"
        assert {each["Parent Relationship"] for each in top.get("Plans", [])} <= {"InitPlan"}
        assert "Gather" not in str(plan)


async def test_the_setting_ends_with_the_statement(engine: Engine) -> None:
    await engine.execute("{ buckets { totalCount } }")

    async with engine.reader._database.connection() as connection:
        left = await connection.fetchval("SELECT current_setting('app.namespace_id', true)")
        seen = await connection.fetchval("SELECT count(*) FROM buckets")
    assert left in (None, "")
    assert seen == 0

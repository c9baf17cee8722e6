"""Namespaces with equal ids: nothing of another one is read, even without our predicate."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.sql import ClauseElement

from gateway.database import statements

from .conftest import BUCKET, FACES_OF_1, OBJECTS, THEIRS, Engine

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

    assert "theirs" not in str(ours)
    assert "ours" not in str(theirs)
    assert str(theirs).replace("theirs", "ours") == str(ours)


async def test_row_level_security_holds_without_our_predicate(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await engine.execute(EVERYTHING)
    engine.schema.forget_plans()

    def without_predicate(query: ClauseElement) -> statements.Compiled:
        made = statements.compile_once(query)
        sql = re.sub(r"\w*\.?namespace_id = \$1::VARCHAR", "true", made.sql)
        assert sql != made.sql or "namespaces" in sql or "api_keys" in sql
        return made._replace(sql=sql)

    monkeypatch.setattr("gateway.planner.plan.compile_once", without_predicate)
    answer = await engine.execute(EVERYTHING)
    engine.schema.forget_plans()

    assert answer == expected


async def test_the_setting_ends_with_the_statement(engine: Engine) -> None:
    await engine.execute("{ buckets { totalCount } }")

    async with engine.reader._database.connection() as connection:
        left = await connection.fetchval("SELECT current_setting('app.namespace_id', true)")
        seen = await connection.fetchval("SELECT count(*) FROM buckets")
    assert left in (None, "")
    assert seen == 0

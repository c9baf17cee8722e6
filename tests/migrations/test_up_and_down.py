from __future__ import annotations

import asyncpg

from gateway.database import migrate, revisions

WHAT_IS_THERE = """
    SELECT 'table ' || relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
            AND relname <> 'alembic_version_pkc'
    UNION ALL SELECT 'function ' || proname FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'type ' || typname FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typname NOT LIKE '%alembic_version'
    UNION ALL SELECT 'policy ' || policyname FROM pg_policies
    UNION ALL SELECT 'trigger ' || tgname || ' on ' || tgrelid::regclass FROM pg_trigger
        WHERE NOT tgisinternal
    UNION ALL SELECT 'forced ' || relname FROM pg_class WHERE relforcerowsecurity
    ORDER BY 1
"""


async def test_down_takes_back_all_and_up_makes_it_again(any_postgres: str) -> None:
    at_first = await what_is_there(any_postgres)
    await migrate.up(any_postgres)
    all_of_it = await what_is_there(any_postgres)

    await migrate.down(any_postgres, "base")
    in_the_end = await what_is_there(any_postgres)
    await migrate.up(any_postgres)

    assert in_the_end == at_first
    assert await what_is_there(any_postgres) == all_of_it


async def test_each_migration_takes_back_what_it_did(any_postgres: str) -> None:
    stages = [await what_is_there(any_postgres)]
    while await revisions.pending(any_postgres):
        await migrate.up(any_postgres, "+1")
        stages.append(await what_is_there(any_postgres))

    for before in reversed(stages[:-1]):
        await migrate.down(any_postgres, "-1")
        assert await what_is_there(any_postgres) == before


async def test_counts_are_right_after_taking_the_counting_back_and_making_it_again(
    any_postgres: str,
) -> None:
    await migrate.up(any_postgres)
    sql = await asyncpg.connect(any_postgres)
    await sql.execute("""
        SET app.namespace_id = 'ns_a';
        INSERT INTO namespaces (id, namespace_name) VALUES ('ns_a', 'a');
        INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
            VALUES ('ns_a', 'bkt_1', '1', '{}');
        INSERT INTO objects (namespace_id, id, bucket_id, size_bytes)
            VALUES ('ns_a', 'obj_1', 'bkt_1', 100), ('ns_a', 'obj_2', 'bkt_1', 20);
        INSERT INTO collections
            (namespace_id, id, collection_name, source_type, extractor_name, extractor_version)
            VALUES ('ns_a', 'col_1', '1', 'BUCKET', 'frames', 'v1');
        INSERT INTO documents (namespace_id, id, collection_id, root_object_id)
            VALUES ('ns_a', 'doc_1', 'col_1', 'obj_1');
    """)
    before = await counts(sql)

    await migrate.down(any_postgres, "20261121_2304")
    await migrate.up(any_postgres)

    assert before == [("bkt_1", 2, 120), ("col_1", 1, None), ("obj_1", 1, None)]
    assert await counts(sql) == before
    await sql.close()


async def what_is_there(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [each[0] for each in await connection.fetch(WHAT_IS_THERE)]
    finally:
        await connection.close()


async def counts(sql: asyncpg.Connection) -> list[tuple[object, ...]]:
    rows = await sql.fetch("""
        SELECT bucket_id AS id, sum(objects), sum(size_bytes) FROM bucket_tallies GROUP BY 1
        UNION ALL SELECT object_id, sum(documents), NULL FROM object_tallies GROUP BY 1
        UNION ALL SELECT collection_id, sum(documents), NULL FROM collection_tallies GROUP BY 1
        ORDER BY id
    """)
    return [tuple(row) for row in rows]

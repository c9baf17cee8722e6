from __future__ import annotations

import asyncpg

from gateway.database import migrate

BEFORE = "20261122_0320"
LOGGED = "SELECT kind, event, version, status FROM event_log ORDER BY seq"


async def test_a_change_of_the_triggers_and_back_loses_no_event(any_postgres: str) -> None:
    await migrate.up(any_postgres, BEFORE)
    sql = await asyncpg.connect(any_postgres)
    await sql.execute("""
        SET app.namespace_id = 'ns_a';
        INSERT INTO namespaces (id, namespace_name) VALUES ('ns_a', 'a');
        INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
            VALUES ('ns_a', 'bkt_1', '1', '{}');
        INSERT INTO objects (namespace_id, id, bucket_id, status)
            VALUES ('ns_a', 'obj_1', 'bkt_1', 'QUEUED');
    """)
    assert await sql.fetchval("SELECT sequence_events(1)") == 1

    for way, status in ((migrate.up, "IN_PROGRESS"), (migrate.down, "FAILED")):
        await way(any_postgres, "20261122_0330" if way is migrate.up else BEFORE)
        await sql.execute("UPDATE objects SET version = version + 1, status = $1", status)
    await migrate.up(any_postgres)
    await sql.execute("DELETE FROM objects")
    while await sql.fetchval("SELECT sequence_events(2)"):
        pass

    await sql.execute("ALTER TABLE event_log NO FORCE ROW LEVEL SECURITY")
    assert [tuple(row) for row in await sql.fetch(LOGGED)] == [
        ("BUCKET", "CREATED", 1, "ACTIVE"),
        ("OBJECT", "CREATED", 1, "QUEUED"),
        ("OBJECT", "STATUS_CHANGED", 2, "IN_PROGRESS"),
        ("OBJECT", "STATUS_CHANGED", 3, "FAILED"),
        ("OBJECT", "DELETED", 4, None),
    ]
    await sql.close()

# ruff: noqa: S608 - the parts of the statements are written below

from __future__ import annotations

import asyncpg
import pytest


@pytest.fixture
async def sql(sql: asyncpg.Connection) -> asyncpg.Connection:
    """Two documents; the second was made from the first."""
    await sql.execute("""
        INSERT INTO documents (namespace_id, id, collection_id, root_object_id, root_bucket_id,
                source_type, source_object_id, lineage_path)
            VALUES ('ns_a', 'doc_1', 'col_1', 'obj_1', 'bkt_1', 'BUCKET', 'obj_1', 'bkt_1/col_1');
        INSERT INTO documents (namespace_id, id, collection_id, root_object_id, root_bucket_id,
                source_type, source_document_id, source_collection_id, lineage_path)
            VALUES ('ns_a', 'doc_2', 'col_1', 'obj_1', 'bkt_1',
                'COLLECTION', 'doc_1', 'col_1', 'bkt_1/col_1/col_1');
    """)
    return sql


@pytest.mark.parametrize(
    "change",
    [
        "collection_id = 'col_2'",
        "root_object_id = NULL",
        "root_bucket_id = 'bkt_2'",
        "source_type = NULL",
        "source_collection_id = 'col_1'",
        "source_document_id = 'doc_2'",
        "source_object_id = NULL",
        "lineage_path = 'bkt_2/col_1'",
        """lineage_chain = '[{"collection_id": "col_1"}]'""",
    ],
)
async def test_refuses_to_change_where_a_document_came_from(
    sql: asyncpg.Connection, change: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await sql.execute(f"UPDATE documents SET {change} WHERE id = 'doc_1'")

    assert refusal.value.constraint_name == "ck_documents_lineage_immutable"
    assert "the lineage of document doc_1 cannot change" in str(refusal.value)


async def test_lets_everything_else_change(sql: asyncpg.Connection) -> None:
    await sql.execute("""
        UPDATE documents SET metadata = '{"a": 1}', features = '[{}]', status = 'QUEUED',
            collection_id = collection_id, lineage_chain = lineage_chain, version = version + 1
    """)

    assert await sql.fetchval("SELECT count(*) FROM documents WHERE version = 2") == 2

"""Nothing that a client sends becomes part of a statement's text."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Engine

# What would end a literal, begin a comment, be taken for a parameter, or stand for a row's name.
SENT = "'x'' -- $1 \\ \"y\" \u0001a /*"

EVERYWHERE = """
query ($sent: String!, $path: String!, $json: JSON!, $ids: [ID!]!, $after: String) {
  buckets(filter: {or: [
    {bucketName: {eq: $sent}}, {bucketName: {in: [$sent]}}, {bucketName: {contains: $sent}},
    {bucketName: {startsWith: $sent, caseSensitive: false}}, {not: {bucketName: {nin: [$sent]}}}
    {metadata: [{path: $path, eq: $json}]}, {metadata: [{path: $path, in: [$json]}]}
    {metadata: [{path: $path, gt: $json}]}, {metadata: [{path: $path, endsWith: $sent}]}
  ]}) { totalCount }
  nodes(ids: $ids) { id }
  bucket(name: $sent) { objects(after: $after, orderBy: [{field: METADATA, metadataPath: $path}]) {
    nodes { id }
  } }
}
"""


async def test_values_are_never_in_the_text(engine: Engine) -> None:
    sent: dict[str, Any] = {"sent": SENT, "path": SENT, "json": SENT, "ids": [SENT]}

    data, errors = await engine.run(EVERYWHERE, **sent)

    assert errors == []
    assert data == {"buckets": {"totalCount": 0}, "nodes": [None], "bucket": None}
    assert len(engine.statements) == 3
    assert not any("x''" in sql or "/*" in sql for sql in engine.statements)


async def test_values_written_in_the_document_are_never_in_the_text(engine: Engine) -> None:
    data = await engine.execute('{ bucket(name: "x\'; DROP TABLE buckets; --") { id } }')

    assert data == {"bucket": None}
    assert "DROP" not in engine.statements[0]


@pytest.mark.parametrize("field", ["id; DROP TABLE buckets", "ID", "bucket_schema", "namespace_id"])
async def test_only_what_the_schema_names_can_be_sorted_by(engine: Engine, field: str) -> None:
    query = "query ($order: [BucketOrder!]) { buckets(orderBy: $order) { totalCount } }"

    _, errors = await engine.run(query, order=[{"field": field}])

    assert len(errors) == 1
    assert engine.statements == []

"""Slow statements are logged by operation and plan, without a value. Here all are slow."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from gateway.database.pool import open_database
from gateway.observing.logs import FIELDS
from gateway.settings import Settings
from tests.operations import CREATE_OBJECT

from .conftest import Served, serve

CREATE_BUCKET = """
mutation MakeBucket($input: CreateBucketInput!) {
  createBucket(input: $input) { bucket { id metadata } errors { message } }
}
"""
FIND = """
query FindBuckets($name: String!) {
  a: buckets(first: 3, filter: {bucketName: {eq: "hunter2"}}) { nodes { id } }
  b: buckets(filter: {bucketName: {eq: $name}}) { nodes { id } }
}
"""


@pytest.fixture
async def slow(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    async with (
        open_database(postgres_url, slow_s=0) as database,
        serve(database, tmp_path_factory.mktemp("slow"), Settings()) as served,
    ):
        yield served


def told(caplog: pytest.LogCaptureFixture, operation: str = "") -> list[dict[str, Any]]:
    """Return the fields of the records of an operation, or of all; forget them."""
    records = [each for each in caplog.records if hasattr(each, FIELDS)]
    assert all(each.levelno == logging.WARNING for each in records)
    found = [getattr(each, FIELDS) for each in records]
    caplog.clear()
    return [each for each in found if operation in ("", each["operation"])]


async def test_tell_their_operation_and_plan(
    slow: Served, caplog: pytest.LogCaptureFixture
) -> None:
    plans = []
    for _ in range(3):  # by both roads; the first notes the use of the key as well
        await slow.post({"query": FIND, "variables": {"name": "b"}})
        plans.append({each["plan"] for each in told(caplog, "FindBuckets")})

    assert len(plans[1]) == 1
    assert plans[2] == plans[1] <= plans[0]


async def test_tell_no_value(slow: Served, caplog: pytest.LogCaptureFixture) -> None:
    schema = {"properties": {"file": {"type": "text"}, "hunter2": {"type": "string"}}}
    metadata = {"password": "hunter2"}
    input: dict[str, Any] = {"bucketName": "hunter2", "bucketSchema": schema, "metadata": metadata}
    status, answer = await slow.post({"query": CREATE_BUCKET, "variables": {"input": input}})
    bucket = answer["data"]["createBucket"]["bucket"]["id"]
    blobs = [{"property": "file", "type": "text", "data": "hunter2"}]
    input = {"bucketId": bucket, "metadata": {"hunter2": "hunter2"}, "blobs": blobs}
    await slow.post({"query": CREATE_OBJECT, "variables": {"input": input}})
    await slow.post({"query": FIND, "variables": {"name": "hunter2"}})

    assert status == 200
    assert "hunter2" not in caplog.text
    assert bucket not in caplog.text
    assert "hold_bucket('?'" in caplog.text
    assert "INSERT INTO buckets" in caplog.text
    operations = {each["operation"] for each in told(caplog)}
    assert operations == {"MakeBucket", "(anonymous)", "FindBuckets", "(none)"}


async def test_that_fail_are_told_as_well(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_database(postgres_url, slow_s=0) as database:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await database.value("SELECT 1 / 0", [])

    assert "ended by DivisionByZeroError: SELECT 1 / 0" in caplog.text


async def test_others_are_not_told(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    await served.post({"query": FIND, "variables": {"name": "b"}})

    assert told(caplog, "FindBuckets") == []

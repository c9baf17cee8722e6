"""A gateway that is killed after it has committed, before it has answered."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import asyncpg

from gateway.database.embedded.address import running_url
from tests.waiting import count_waiting

from .gateways import DEADLINE_S, LINUX, processes_of, serving, until

NEW_BUCKET = """
mutation ($input: CreateBucketInput!) {
  createBucket(input: $input) { bucket { id objectCount } replayed errors { code } }
}
"""
INPUT = {
    "bucketName": "pics",
    "bucketSchema": {"properties": {"file": {"type": "binary"}}},
    "idempotencyKey": "k1",
}


@LINUX
async def test_what_was_committed_before_a_kill_is_answered_after_it(begun_state: Path) -> None:
    with serving(begun_state) as killed:
        url = running_url(begun_state)
        assert url is not None
        holder = await asyncpg.connect(url)
        await holder.execute("BEGIN; LOCK TABLE bucket_tallies")  # which only the answer reads
        request = asyncio.create_task(asyncio.to_thread(killed.mutate, NEW_BUCKET, **INPUT))
        async with asyncio.timeout(DEADLINE_S):
            while not await count_waiting(holder):
                pass
        killed.process.kill()
        assert killed.process.wait() == -signal.SIGKILL
        holder.terminate()
        with suppress(OSError, HTTPException):
            await request

    until(lambda: processes_of(begun_state) == [], "its PostgreSQL has ended")
    with serving(begun_state) as gateway:
        again = gateway.mutate(NEW_BUCKET, **INPUT)
        buckets = gateway.execute("{ buckets { nodes { id } } }")["buckets"]["nodes"]

    assert again["replayed"]
    assert buckets == [{"id": again["bucket"]["id"]}]

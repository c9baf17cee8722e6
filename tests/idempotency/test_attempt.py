"""What a mutation may do around its transaction, with a key as without one."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.buckets import creating
from gateway.buckets.types import BucketPayload
from gateway.errors import InvalidInput
from gateway.idempotency.answers import Replayed
from gateway.idempotency.attempt import Attempt
from gateway.limits import Limits
from gateway.planner.rows import row
from tests.client import Client
from tests.operations import FREE_SCHEMA

from .test_replaying import keys_kept


def new_attempt(client: Client) -> Attempt:
    return Attempt(client.database, client.namespace_id, key="k1", fingerprint=b"f")


async def make_bucket(attempt: Attempt, name: str) -> str:
    """Make a bucket, in a transaction of its own."""
    async with attempt.transaction() as tx:
        return await creating.create_bucket(
            tx,
            Limits(),
            bucket_name=name,
            bucket_schema=FREE_SCHEMA,
            description=None,
            metadata=None,
            unique_key_fields=None,
            unique_key_policy=None,
        )


async def buckets_of(client: Client) -> int:
    return len((await client.stored())["buckets"])


async def test_the_key_goes_with_the_last_transaction(client: Client) -> None:
    attempt = new_attempt(client)
    seen: list[tuple[int, int]] = []

    async def run() -> Any:
        await make_bucket(attempt, "a")
        id = await make_bucket(attempt, "b")
        seen.append((await buckets_of(client), await keys_kept(client)))
        return BucketPayload(bucket=row(id=id))

    payload = await attempt.answer(run)
    with pytest.raises(Replayed) as replayed:
        await new_attempt(client).answer(run)

    again = replayed.value.payload(BucketPayload)
    assert seen == [(1, 0)]  # the second is committed together with the answer
    assert (await buckets_of(client), await keys_kept(client)) == (2, 1)
    assert (again.bucket.columns, again.replayed) == (payload.bucket.columns, True)


async def test_what_was_done_before_a_refusal_stays_without_the_key(client: Client) -> None:
    attempt = new_attempt(client)
    told: list[str] = []

    async def run() -> Any:
        await make_bucket(attempt, "a")
        attempt.once_committed(lambda: told.append("committed"))
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        await attempt.answer(run)

    assert (await buckets_of(client), await keys_kept(client), told) == (1, 0, ["committed"])


async def test_nothing_stays_of_what_ended_in_a_fault(client: Client) -> None:
    attempt = new_attempt(client)
    told: list[str] = []

    async def run() -> Any:
        await make_bucket(attempt, "a")
        attempt.once_committed(lambda: told.append("committed"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await attempt.answer(run)

    assert (await buckets_of(client), await keys_kept(client), told) == (0, 0, [])


async def test_calls_are_made_after_the_commit(client: Client) -> None:
    attempt = new_attempt(client)
    told: list[str] = []

    async def run() -> Any:
        id = await make_bucket(attempt, "a")
        attempt.once_committed(lambda: told.append("committed"))
        assert not told
        return BucketPayload(bucket=row(id=id))

    await attempt.answer(run)

    assert told == ["committed"]

"""What tells the input of one mutation from another's."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from strawberry import ID

from gateway.buckets.inputs import PatchBucketInput
from gateway.idempotency import keys
from gateway.idempotency.keys import fingerprint
from gateway.objects.inputs import CreateBlobInput, CreateObjectInput


def patch(**values: Any) -> dict[str, Any]:
    return {"input": PatchBucketInput(id="bkt_1", **values)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (patch(), patch(expected_version=None)),
        (patch(), patch(idempotency_key="k1")),
        (patch(metadata={"a": 1, "b": 2}), patch(metadata={"b": 2, "a": 1})),
    ],
)
async def test_is_the_same(one: Any, other: Any) -> None:
    assert await fingerprint("patchBucket", one) == await fingerprint("patchBucket", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (patch(), patch(description=None)),
        (patch(description="1"), patch(metadata="1")),
        (patch(metadata={"a": 1}), patch(metadata={"a": "1"})),
        (patch(metadata={"a": True}), patch(metadata={"a": 1})),
        (patch(metadata={"a": [1, 2]}), patch(metadata={"a": [2, 1]})),
        (patch(metadata={"a": 2**70}), patch(metadata={"a": 2**71})),
        (patch(), {"id": "bkt_1"}),
    ],
)
async def test_is_another(one: Any, other: Any) -> None:
    assert await fingerprint("patchBucket", one) != await fingerprint("patchBucket", other)


async def test_the_mutation_is_part_of_it() -> None:
    assert await fingerprint("patchBucket", patch()) != await fingerprint("deleteBucket", patch())


@pytest.mark.parametrize("characters", [100, 10 * 1024 * 1024])
async def test_large_input_is_hashed_off_the_loop(
    characters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    hash_here = keys._hash

    def spy(text: bytes) -> bytes:
        threads.append(threading.current_thread())
        return hash_here(text)

    monkeypatch.setattr(keys, "_hash", spy)
    data: Any = "x" * characters
    blob = CreateBlobInput(property="a", type="text", data=data)
    input = CreateObjectInput(bucket_id=ID("bkt_1"), blobs=[blob])
    await fingerprint("createObject", {"input": input})

    assert [each is threading.main_thread() for each in threads] == [characters < 1000]

"""A gateway that keeps its bytes in S3."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.blobs.s3 import S3BlobStore
from gateway.blobs.s3_client import S3Place
from tests.conftest import lent_folder
from tests.operations import CREATE_BUCKET, CREATE_OBJECT, DELETE_OBJECT, FREE_SCHEMA, text_blob
from tests.serve.gateways import DEADLINE_S, Gateway, fetch, serving

PREFIX = "ns_of_a_gateway/"


def variables(place: S3Place) -> dict[str, str]:
    given = {
        "GATEWAY_S3_BUCKET": place.bucket,
        "GATEWAY_S3_ENDPOINT": place.endpoint,
        "GATEWAY_S3_REGION": place.region,
        "GATEWAY_S3_ACCESS_KEY": place.access_key,
        "GATEWAY_S3_SECRET_KEY": place.secret_key,
        "GATEWAY_S3_ADDRESSING": place.addressing,
        "GATEWAY_S3_PREFIX": PREFIX,
    }
    return {name: value for name, value in given.items() if value}


def made(gateway: Gateway, text: str) -> dict[str, Any]:
    """Return an object of one text."""
    bucket = gateway.mutate(CREATE_BUCKET, bucketName=text, bucketSchema=FREE_SCHEMA)["bucket"]
    created: dict[str, Any] = gateway.mutate(
        CREATE_OBJECT, bucketId=bucket["id"], blobs=[text_blob(text)]
    )["object"]
    return created


@pytest.fixture(scope="module")
def gateway(s3_place: S3Place) -> Iterator[Gateway]:
    with (
        lent_folder() as folder,
        serving(folder / "state", variables=variables(s3_place)) as gateway,
    ):
        yield gateway


async def listed(store: S3BlobStore) -> list[str]:
    return [each.key async for each in store.listed(PREFIX)]


async def test_bytes_go_to_the_bucket_and_come_from_there(
    gateway: Gateway, s3_place: S3Place, s3_store: S3BlobStore
) -> None:
    before = await listed(s3_store)  # of other gateways on the same place

    object_ = made(gateway, "hello")

    (blob,) = object_["blobs"]
    assert blob["presignedUrl"].startswith(s3_place.endpoint)
    answer = fetch(blob["presignedUrl"])
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert len(await listed(s3_store)) == len(before) + 1
    assert not (gateway.state / "blobs").exists()
    assert gateway.get("/readyz").json["blobs"] == "ok"

    gateway.execute(DELETE_OBJECT, id=object_["id"])

    async with asyncio.timeout(DEADLINE_S):
        while await listed(s3_store) != before:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert fetch(blob["presignedUrl"]).status == 404


def test_a_bucket_that_refuses_stops_nothing_but_bytes(
    s3_place: S3Place, begun_state: Path
) -> None:
    wrong = variables(s3_place) | {"GATEWAY_S3_SECRET_KEY": "misspelt-secret"}

    with serving(begun_state, variables=wrong) as gateway:
        readiness = gateway.get("/readyz")
        bucket = gateway.mutate(CREATE_BUCKET, bucketName="a", bucketSchema=FREE_SCHEMA)["bucket"]
        answer = gateway.post(
            CREATE_OBJECT, {"input": {"bucketId": bucket["id"], "blobs": [text_blob("hello")]}}
        ).json

        assert (readiness.status, readiness.json["status"]) == (200, "degraded")
        assert "refuses the gateway's credentials" in readiness.json["blobs"]
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert "refuses the gateway's credentials" in gateway.complaint
        assert "misspelt-secret" not in gateway.complaint + gateway.output

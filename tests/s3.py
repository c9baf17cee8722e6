"""An S3 server for tests: Swift in a process of its own, or whatever the environment names.

GATEWAY_TEST_S3_ENDPOINT=https://… runs the tests on that server, on the bucket, region and
addressing of GATEWAY_TEST_S3_BUCKET, _REGION and _ADDRESSING, with _ACCESS_KEY and _SECRET_KEY.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import aioboto3
import pytest

from gateway.blobs.s3 import S3BlobStore, open_s3
from gateway.blobs.s3_client import S3Place

_PREFIX = "GATEWAY_TEST_S3_"
_ACCESS_KEY, _SECRET_KEY = "test:gateway", "not-so-secret-in-tests"
# A gateway that a test starts as a process of its own refuses names that it does not know.
_GIVEN = {
    name.removeprefix(_PREFIX).lower(): os.environ.pop(name)
    for name in list(os.environ)
    if name.startswith(_PREFIX)
}


@contextmanager
def _swift() -> Iterator[S3Place]:
    script = Path(__file__).with_name("serve_swift.py")
    with tempfile.TemporaryDirectory(prefix="gateway-swift-") as folder:
        command = [sys.executable, "-W", "ignore", str(script), folder, _ACCESS_KEY, _SECRET_KEY]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            assert port, "Swift has not started"
            yield S3Place(
                bucket="gateway",
                endpoint=f"http://127.0.0.1:{port}",
                access_key=_ACCESS_KEY,
                secret_key=_SECRET_KEY,
            )
            server.stdin.close()


async def make_bucket(place: S3Place) -> None:
    async with aioboto3.Session().client(
        "s3",
        region_name="us-east-1",
        endpoint_url=place.endpoint,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
    ) as client:
        await client.create_bucket(Bucket=place.bucket)


@pytest.fixture(scope="session")
async def s3_place() -> AsyncIterator[S3Place]:
    """A bucket on a server; tests share it, and have keys of their own."""
    if _GIVEN:
        yield S3Place(**_GIVEN)
    elif find_spec("swift") is None:
        pytest.skip("Swift is not installed here; name a server by GATEWAY_TEST_S3_ENDPOINT")
    else:
        with _swift() as place:
            await make_bucket(place)
            yield place


@pytest.fixture(scope="session")
async def s3_store(s3_place: S3Place) -> AsyncIterator[S3BlobStore]:
    """A store in that bucket, empty at first and in the end."""
    async with open_s3(s3_place) as store:
        yield store
        left = [each.key async for each in store.listed("ns_")]
        await asyncio.gather(*(store.delete(key) for key in left))

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
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import aioboto3
import pytest

from gateway.blobs.s3 import S3BlobStore, open_s3
from gateway.blobs.s3_client import S3Place
from tests.programs import frozen

_PREFIX = "GATEWAY_TEST_S3_"
_ACCESS_KEY, _SECRET_KEY = "test:gateway", "not-so-secret-in-tests"
# A gateway that a test starts as a process of its own refuses names that it does not know.
_GIVEN = {
    name.removeprefix(_PREFIX).lower(): os.environ.pop(name)
    for name in list(os.environ)
    if name.startswith(_PREFIX)
}


class Swift:
    """A server that a test may stop, freeze and start again, at one address."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._port = 0
        self.start()

    @property
    def place(self) -> S3Place:
        return S3Place(
            bucket="gateway",
            endpoint=f"http://127.0.0.1:{self._port}",
            access_key=_ACCESS_KEY,
            secret_key=_SECRET_KEY,
        )

    def start(self) -> None:
        script = Path(__file__).with_name("serve_swift.py")
        arguments = [self._folder, _ACCESS_KEY, _SECRET_KEY, str(self._port)]
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        assert port, "Swift has not started"
        self._port = int(port)

    def stop(self) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()

    def frozen(self) -> AbstractContextManager[None]:
        return frozen(self._process)


@contextmanager
def run_swift() -> Iterator[Swift]:
    """Run one for the length of the block; it has no bucket yet."""
    with tempfile.TemporaryDirectory(prefix="gateway-swift-") as folder:
        swift = Swift(folder)
        try:
            yield swift
        finally:
            swift.stop()


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
        with run_swift() as swift:
            await make_bucket(swift.place)
            yield swift.place


@pytest.fixture(scope="session")
async def s3_store(s3_place: S3Place) -> AsyncIterator[S3BlobStore]:
    """A store in that bucket, empty at first and in the end."""
    async with open_s3(s3_place) as store:
        yield store
        left = [each.key async for each in store.listed("ns_")]
        await asyncio.gather(*(store.delete(key) for key in left))

"""PostgreSQL and S3 come and go while clients work: nothing acknowledged is lost, nothing dies.

``--outages 10`` is the long run.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.database import migrate
from tests.conftest import lent_folder
from tests.making_namespaces import make_namespace
from tests.operations import CREATE_BUCKET
from tests.s3 import Swift, make_bucket, run_swift
from tests.serve.gateways import DEADLINE_S, LINUX, Gateway, fetch, serving, until
from tests.serve.silence import Elsewhere, elsewhere
from tests.serve.test_s3 import variables as of_s3

pytestmark = LINUX

SCHEMA = {"properties": {"text": {"type": "text"}}}
# Who is frozen is waited for at first; who is gone is told of at once.
FROZEN_S, GONE_S = 3.0, 1.5
BETWEEN_S = 0.5

_CREATE = """
mutation Bring($input: CreateObjectInput!) {
  createObject(input: $input) { object { id } errors { code message } }
}
"""
_COUNT = "query Count($id: ID!) { bucket(id: $id) { objectCount } }"
_LIST = """
query List($id: ID!, $after: String) {
  bucket(id: $id) {
    objects(first: 500, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id metadata blobs { presignedUrl details { hash } } }
    }
  }
}
"""


@dataclass
class Told:
    """What clients were told."""

    kept: dict[str, str] = field(default_factory=dict)  # by id the text
    answers: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    reads: list[tuple[float, int]] = field(default_factory=list)
    longest_s: float = 0


class Client:
    """Works until it is told to stop."""

    def __init__(self, gateway: Gateway, key: str, bucket: str, told: Told) -> None:
        self._gateway = gateway
        self._key = key
        self._bucket = bucket
        self._told = told

    def run(self, kind: str, number: int, stop: threading.Event) -> None:
        address = urlsplit(self._gateway.ready["graphql"])
        made = 0
        with closing(
            HTTPConnection(str(address.hostname), address.port, timeout=DEADLINE_S)
        ) as connection:
            while not stop.is_set():
                made += 1
                text = f"{kind}-{number}-{made}" if kind == "bytes" else ""
                self._step(connection, kind, text)

    def _step(self, connection: HTTPConnection, kind: str, text: str) -> None:
        begun = time.monotonic()
        if kind == "read":
            status, answer = self._post(connection, _COUNT, id=self._bucket)
            self._told.reads.append((begun, status))
        else:
            blobs = [{"property": "text", "type": "text", "data": text}] if text else []
            input = {"bucketId": self._bucket, "metadata": {"text": text}, "blobs": blobs}
            status, answer = self._post(connection, _CREATE, input=input)
            created = (answer.get("data") or {}).get("createObject")
            if created and created["object"]:
                self._told.kept[created["object"]["id"]] = text
        codes = {each["extensions"]["code"] for each in answer.get("errors", ())}
        self._told.answers[kind, status, " ".join(codes)] += 1
        self._told.longest_s = max(self._told.longest_s, time.monotonic() - begun)
        if status != 200:
            time.sleep(0.05)

    def _post(self, connection: HTTPConnection, query: str, **variables: Any) -> tuple[int, Any]:
        headers = {
            "Authorization": f"Bearer {self._key}",
            "X-Namespace": "production",
            "Content-Type": "application/json",
        }
        body = json.dumps({"query": query, "variables": variables})
        connection.request("POST", "/graphql", body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


@contextmanager
def without(server: Elsewhere | Swift) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


async def test_nothing_acknowledged_is_lost(request: pytest.FixtureRequest) -> None:
    if find_spec("swift") is None:
        pytest.skip("Swift is not installed here")
    with lent_folder() as folder, elsewhere(folder) as database, run_swift() as swift:
        await make_bucket(swift.place)
        variables = {"GATEWAY_DATABASE_URL": database.url} | of_s3(swift.place)
        await migrate.up(database.url)
        key = await make_namespace(database.url, "production")
        with serving(folder / "state", variables=variables) as gateway:
            told, outages = work_through(
                gateway, key, database, swift, request.config.getoption("--outages")
            )

            assert gateway.process.poll() is None
            assert "Traceback" not in gateway.complaint
    print(told.answers, f"longest {told.longest_s:.2f} s")  # noqa: T201 - with pytest -s
    assert {(status, code) for _, status, code in told.answers} <= {
        (200, ""),
        (200, "UNAVAILABLE"),  # kept, and not read again: the payload says that there are no errors
        (503, "UNAVAILABLE"),
    }
    # What needs no bytes is answered while S3 is gone.
    during_s3 = [
        status
        for begun, status in told.reads
        if any(start <= begun < end for start, end in outages["s3"])
    ]
    assert len(during_s3) > 10
    assert set(during_s3) == {200}


def work_through(
    gateway: Gateway, key: str, database: Elsewhere, swift: Swift, times: int
) -> tuple[Told, dict[str, list[tuple[float, float]]]]:
    """Take each server away in each way while clients work; assert that all they kept is there."""
    made = gateway.post(
        CREATE_BUCKET,
        {"input": {"bucketName": "a", "bucketSchema": SCHEMA}},
        key=key,
        namespace="production",
    )
    bucket = made.json["data"]["createBucket"]["bucket"]["id"]
    told, stop = Told(), threading.Event()
    client = Client(gateway, key, bucket, told)
    ways: list[tuple[str, Callable[[], Any], float]] = [
        ("database", database.frozen, FROZEN_S),
        ("database", lambda: without(database), GONE_S),
        ("s3", swift.frozen, FROZEN_S),
        ("s3", lambda: without(swift), GONE_S),
    ]
    outages: dict[str, list[tuple[float, float]]] = {"database": [], "s3": []}
    with ThreadPoolExecutor() as pool:
        kinds = ["bytes", "bytes", "plain", "read"]
        working = [pool.submit(client.run, kind, number, stop) for number, kind in enumerate(kinds)]
        try:
            for _ in range(times):
                random.shuffle(ways)
                for name, take_away, length_s in ways:
                    time.sleep(BETWEEN_S)
                    with take_away():
                        begun = time.monotonic()
                        time.sleep(length_s)
                        outages[name].append((begun, time.monotonic()))
                    until(lambda: gateway.get("/readyz").json["status"] == "ok", "it is well again")
        finally:
            stop.set()
        for each in working:
            each.result()
    check_kept(gateway, key, bucket, told)
    return told, outages


def check_kept(gateway: Gateway, key: str, bucket: str, told: Told) -> None:
    """Assert that what was acknowledged is there, and that all that is there is whole."""
    found: dict[str, Any] = {}
    after: str | None = None
    has_more = True
    while has_more:
        answer = gateway.post(
            _LIST, {"id": bucket, "after": after}, key=key, namespace="production"
        )
        page = answer.json["data"]["bucket"]["objects"]
        found |= {each["id"]: each for each in page["nodes"]}
        has_more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
    assert told.kept.keys() <= found.keys()
    assert any(told.kept.values())
    for each in found.values():
        text = each["metadata"]["text"]
        assert text == told.kept.get(each["id"], text)
        hashes = [hashlib.sha256(text.encode()).hexdigest()] if text else []
        assert [blob["details"]["hash"] for blob in each["blobs"]] == hashes
        for blob in each["blobs"]:
            assert fetch(blob["presignedUrl"]).body == text.encode()

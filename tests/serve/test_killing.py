"""Gateways that are killed at any moment while clients bring objects: nothing is lost or halved.

``--kills 50`` is the long run.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import func, select, update

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.s3 import open_s3
from gateway.blobs.s3_client import S3Place
from gateway.blobs.signing import UrlSigner
from gateway.blobs.store import BlobStore
from gateway.database.pool import Database, open_database
from gateway.housekeeping import Housekeeper
from gateway.namespaces.tables import NamespaceRow
from gateway.objects import sweeping
from gateway.objects.tables import BlobRow, ContentRow
from gateway.uploads.tables import UploadRow
from tests.making_namespaces import make_namespace
from tests.operations import CREATE_BUCKET
from tests.serve.gateways import DEADLINE_S, Gateway, fetch, serving
from tests.serve.test_s3 import variables as of_s3

CLIENTS = 4
NAMESPACE = "killed"
SCHEMA = {"properties": {"text": {"type": "text"}, "file": {"type": "binary"}}}
S3_PREFIX = "killed/"

_ERRORS = "errors { code message }"
_CREATE = f"""
mutation ($input: CreateObjectInput!) {{
  createObject(input: $input) {{ object {{ id }} {_ERRORS} }}
}}
"""
_CREATE_ALL = f"""
mutation ($inputs: [CreateObjectInput!]!, $onError: OnError!) {{
  createObjects(inputs: $inputs, onError: $onError) {{ results {{ object {{ id }} {_ERRORS} }} }}
}}
"""
_CREATE_UPLOAD = f"""
mutation ($input: CreateUploadInput!) {{
  createUpload(input: $input) {{
    upload {{ id target {{ url headers parts {{ url }} }} }}
    {_ERRORS}
  }}
}}
"""
_CONFIRM_UPLOAD = f"""
mutation ($input: ConfirmUploadInput!) {{
  confirmUpload(input: $input) {{ upload {{ id }} {_ERRORS} }}
}}
"""
_DELETE = f"mutation ($id: ID!) {{ deleteObject(id: $id) {{ deletedId {_ERRORS} }} }}"
_READ = """
query ($id: ID!, $after: String) {
  bucket(id: $id) {
    objects(first: 200, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id metadata blobs { presignedUrl details { hash } } }
    }
  }
}
"""
_NAMED = select(BlobRow.hash).distinct().where(BlobRow.has_bytes)
_EXPIRE = update(UploadRow).values(expires_at=func.now())
_KEPT = select(ContentRow.hash, ContentRow.key)


class _Source(BaseHTTPRequestHandler):
    """Answers each path with bytes of its own, slowly enough to be interrupted."""

    def do_GET(self) -> None:
        data = source_bytes(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for start in range(0, len(data), 20_000):
            self.wfile.write(data[start : start + 20_000])
            time.sleep(0.005)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def source_bytes(path: str) -> bytes:
    return hashlib.sha256(path.encode()).digest() * 2000


@pytest.fixture
def source() -> Iterator[int]:
    """The port of a server to fetch from."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Source)
    server.daemon_threads = True
    # Who fetched from it is killed, which is no error of its own.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Bucket:
    """What clients know of the objects that they brought into a bucket and took from it."""

    id: str
    acknowledged: set[str] = field(default_factory=set)
    # Deleted, or perhaps: nobody answered.
    perhaps_gone: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Place:
    """Where gateways keep what is to survive them."""

    database_url: str
    key: str
    variables: dict[str, str]
    state: Path
    store: BlobStore
    source_port: int

    def post(self, connection: HTTPConnection, query: str, **variables: Any) -> Any:
        """Return the one payload of an operation, None if the gateway does not say what became.

        Raises:
            OSError, HTTPException: It is gone.
        """
        headers = {
            "Authorization": f"Bearer {self.key}",
            "X-Namespace": NAMESPACE,
            "Content-Type": "application/json",
        }
        body = json.dumps({"query": query, "variables": variables})
        connection.request("POST", "/graphql", body, headers)
        answer = json.loads(connection.getresponse().read())
        if "errors" in answer:
            assert {each["extensions"]["code"] for each in answer["errors"]} == {"UNAVAILABLE"}
            return None
        (payload,) = answer["data"].values()
        return payload


def connect(gateway: Gateway) -> closing[HTTPConnection]:
    address = urlsplit(gateway.ready["graphql"])
    return closing(HTTPConnection(str(address.hostname), address.port, timeout=DEADLINE_S))


class Worker:
    """Brings and deletes objects until the gateway is gone."""

    def __init__(self, place: Place, gateway: Gateway, bucket: Bucket, seed: str) -> None:
        self._place = place
        self._gateway = gateway
        self._connection: HTTPConnection
        self._bucket = bucket
        self._random = random.Random(seed)  # noqa: S311 - it only has to be the same again
        self._seed = seed
        self._number = 0

    def run(self) -> None:
        # Killed, before or in the middle of an answer.
        with (
            suppress(OSError, HTTPException, json.JSONDecodeError),
            connect(self._gateway) as self._connection,
        ):
            while True:
                self._step()

    def _step(self) -> None:
        choice = self._random.random()
        if choice < 0.3 and self._bucket.acknowledged:
            self._delete()
        elif choice < 0.45:
            self._upload()
        elif choice < 0.75:
            payload = self._post(_CREATE, input=self._object())
            self._note([payload])
        else:
            inputs = [self._object() for _ in range(self._random.randint(2, 12))]
            on_error = self._random.choice(["CONTINUE", "ABORT_ALL"])
            payload = self._post(_CREATE_ALL, inputs=inputs, onError=on_error)
            self._note(payload["results"] if payload else [])

    def _delete(self) -> None:
        bucket = self._bucket
        mine = sorted(bucket.acknowledged - bucket.perhaps_gone)
        if not mine:
            return
        id = self._random.choice(mine)
        bucket.perhaps_gone.add(id)
        payload = self._post(_DELETE, id=id)
        if payload and not payload["errors"]:
            bucket.gone.add(id)

    def _upload(self) -> None:
        """Bring an object by an upload, whole or in one part."""
        self._number += 1
        data = f"{self._seed}-{self._number}".encode() * 10_000
        announced = {
            "bucketId": self._bucket.id,
            "filename": "a.bin",
            "contentType": "application/octet-stream",
            "fileSizeBytes": len(data),
            "multipart": self._random.random() < 0.5,
        }
        payload = self._post(_CREATE_UPLOAD, input=announced)
        if not payload:
            return
        upload = payload["upload"]
        target = upload["target"]
        url = target["parts"][0]["url"] if target["parts"] else target["url"]
        with urlopen(Request(url, data, target["headers"], method="PUT"), timeout=DEADLINE_S):  # noqa: S310
            pass
        if not self._post(_CONFIRM_UPLOAD, input={"uploadId": upload["id"]}):
            return
        blob = {"property": "file", "type": "binary", "uploadId": upload["id"]}
        metadata = {"wanted": [hashlib.sha256(data).hexdigest()]}
        input = {"bucketId": self._bucket.id, "metadata": metadata, "blobs": [blob]}
        self._note([self._post(_CREATE, input=input)])

    def _post(self, query: str, **variables: Any) -> Any:
        return self._place.post(self._connection, query, **variables)

    def _note(self, payloads: list[Any]) -> None:
        for payload in filter(None, payloads):
            assert payload["errors"] == []
            self._bucket.acknowledged.add(payload["object"]["id"])

    def _object(self) -> dict[str, Any]:
        """Return a new object, whose metadata tells what its blobs have to be."""
        blobs, wanted = [], []
        for _ in range(self._random.randint(1, 3)):
            blob, data = self._blob()
            blobs.append(blob)
            wanted.append(hashlib.sha256(data).hexdigest())
        return {"bucketId": self._bucket.id, "metadata": {"wanted": wanted}, "blobs": blobs}

    def _blob(self) -> tuple[dict[str, Any], bytes]:
        self._number += 1
        own = f"{self._seed}-{self._number}"
        name = self._random.choice([own, own, f"shared-{self._random.randrange(4)}"])
        if self._random.random() < 0.3:
            url = f"http://127.0.0.1:{self._place.source_port}/{name}"
            return {"property": "file", "type": "binary", "data": url}, source_bytes(f"/{name}")
        data = name.encode() * self._random.choice([1, 10_000])
        if self._random.random() < 0.5:
            return {"property": "text", "type": "text", "data": data.decode()}, data
        encoded = {"base64": base64.b64encode(data).decode()}
        return {"property": "file", "type": "binary", "data": encoded}, data


def bring_until_killed(place: Place, gateway: Gateway, seed: str) -> Bucket:
    """Let clients work on a gateway for a random time, and kill it."""
    with connect(gateway) as connection:
        input = {"bucketName": seed, "bucketSchema": SCHEMA}
        made = place.post(connection, CREATE_BUCKET, input=input)
    bucket = Bucket(made["bucket"]["id"])
    with ThreadPoolExecutor(CLIENTS) as pool:
        working = [
            pool.submit(Worker(place, gateway, bucket, f"{seed}-{number}").run)
            for number in range(CLIENTS)
        ]
        time.sleep(random.Random(seed).uniform(0.02, 1.5))  # noqa: S311
        gateway.process.kill()
        gateway.process.wait()
    for each in working:
        each.result()
    return bucket


def check_whole(place: Place, gateway: Gateway, bucket: Bucket) -> int:
    """Assert that each object is there whole or not at all; return how many there are."""
    found: dict[str, Any] = {}
    after: str | None = None
    has_more = True
    with connect(gateway) as connection:
        while has_more:
            page = place.post(connection, _READ, id=bucket.id, after=after)["objects"]
            found |= {each["id"]: each for each in page["nodes"]}
            has_more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
    assert bucket.acknowledged - bucket.perhaps_gone <= found.keys()
    assert not bucket.gone & found.keys()
    links: dict[str, str] = {}
    for each in found.values():
        hashes = [blob["details"]["hash"] for blob in each["blobs"]]
        assert hashes == each["metadata"]["wanted"]
        links |= {blob["details"]["hash"]: blob["presignedUrl"] for blob in each["blobs"]}
    for content_hash, link in links.items():
        answer = fetch(link)
        assert (answer.status, hashlib.sha256(answer.body).hexdigest()) == (200, content_hash)
    return len(found)


async def check_store(place: Place, database: Database, namespace_id: str) -> int:
    """Assert that the store has what rows name and nothing else; return how much else there was.

    The gateway's own housekeeper is at work too, and may hold what is then left to it.
    """
    store = place.store
    strays = 0
    is_tidy = False
    deadline = time.monotonic() + DEADLINE_S
    async with database.transaction(namespace_id) as tx:
        await tx.run(_EXPIRE)  # nobody is left who would go on with one
    while not is_tidy:
        assert time.monotonic() < deadline, "something is left that nothing names"
        await Housekeeper(database, store).one_pass()
        strays += await sweeping.sweep_strays(database, store, namespace_id, older_than_s=0)
        async with database.transaction(namespace_id) as tx:
            named = {row["hash"] for row in await tx.rows(_NAMED)}
            kept = {row["hash"]: row["key"] for row in await tx.rows(_KEPT)}
        stored = {each.key async for each in store.listed(f"{namespace_id}/")}
        begun = [each async for each in store.begun_parts(f"{namespace_id}/")]
        assert named <= kept.keys()
        assert stored >= set(kept.values())
        is_tidy = kept.keys() == named and stored == set(kept.values()) and not begun
    return strays


@pytest.fixture(params=["local", "s3"])
def any_s3(request: pytest.FixtureRequest) -> S3Place | None:
    """A bucket to keep bytes in; None: the state folder."""
    if request.param == "local":
        return None
    place: S3Place = request.getfixturevalue("s3_place")
    return replace(place, prefix=S3_PREFIX)


@pytest.fixture
async def place(
    any_s3: S3Place | None, migrated_database_url: str, state_folder: Path, source: int
) -> AsyncIterator[Place]:
    variables = {
        "GATEWAY_DATABASE_URL": migrated_database_url,
        "GATEWAY_FETCH_PORTS": str(source),
        "GATEWAY_FETCH_ALLOW_NETWORKS": "127.0.0.1/32",
    }
    key = await make_namespace(migrated_database_url, NAMESPACE)
    if any_s3:
        variables |= of_s3(any_s3) | {"GATEWAY_S3_PREFIX": any_s3.prefix}
    async with _store(any_s3, state_folder) as store:
        yield Place(migrated_database_url, key, variables, state_folder, store, source)


@asynccontextmanager
async def _store(s3_place: S3Place | None, state: Path) -> AsyncIterator[BlobStore]:
    if s3_place is None:
        # Its drafts are the gateway's, which removes those of one before it.
        yield LocalBlobStore(state / "blobs", UrlSigner(b"k" * 32, public_url=""))
        return
    async with open_s3(s3_place) as store:
        yield store


async def test_nothing_is_lost_or_halved(place: Place, request: pytest.FixtureRequest) -> None:
    kills: int = request.config.getoption("--kills")
    objects = strays = 0
    bucket: Bucket | None = None

    async with open_database(place.database_url, size=2) as database:
        async with database.transaction() as tx:
            namespace_id = await tx.value(
                select(NamespaceRow.id).where(NamespaceRow.namespace_name == NAMESPACE)
            )
        for number in range(kills + 1):
            with serving(place.state, variables=place.variables) as gateway:
                if bucket:
                    objects += await asyncio.to_thread(check_whole, place, gateway, bucket)
                    strays += await check_store(place, database, namespace_id)
                if number < kills:
                    seed = f"round-{number}"
                    bucket = await asyncio.to_thread(bring_until_killed, place, gateway, seed)

    print(f"{kills} kills, {objects} objects, {strays} strays")  # noqa: T201 - with pytest -s
    assert objects

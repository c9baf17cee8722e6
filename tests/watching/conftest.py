"""A database with a namespace of its own, gateways on it that keep their ports, and what moves."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.conftest import Server, lent_folder
from tests.making_namespaces import make_namespace
from tests.operations import CREATE_BUCKET, FREE_SCHEMA
from tests.serve.gateways import (
    DEADLINE_S,
    GATEWAY,
    Ended,
    Gateway,
    environment,
    run,
    serving,
    until,
)

NAMESPACE = "watched"
# The moves of an object that has a good end.
STATUSES = ("QUEUED", "PROCESSING", "COMPLETED")
_CREATE = """
mutation ($inputs: [CreateObjectInput!]!) {
  createObjects(inputs: $inputs, onError: CONTINUE) {
    results { object { id } errors { message } }
  }
}
"""
_UPDATE = """
mutation ($inputs: [UpdateStatusInput!]!) {
  updateStatuses(inputs: $inputs) { failed results { errors { message } } }
}
"""
_MOST_INPUTS = 500

Event = dict[str, Any]


async def is_logged(database_url: str, id: str) -> bool:
    """Tell whether the log has an event of something."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET app.events_of = 'all'")
        found = "SELECT EXISTS (SELECT FROM event_log WHERE node_id = $1)"
        return bool(await connection.fetchval(found, id))
    finally:
        await connection.close()


@dataclass
class Place:
    """A database, and a gateway on it that may be killed and started anew at the same address."""

    database_url: str
    folder: Path
    key: str = ""
    gateway: Gateway | None = None
    _buckets: Iterator[int] = field(default_factory=count)

    @contextmanager
    def serving(self, **settings: str) -> Iterator[Gateway]:
        """Run the gateway, at the address that it had before."""
        port = str(urlsplit(self.url).port) if self.gateway else "0"
        variables = {"GATEWAY_DATABASE_URL": self.database_url, **settings}
        with serving(self.folder / "state", "--port", port, variables=variables) as self.gateway:
            yield self.gateway

    @property
    def url(self) -> str:
        assert self.gateway is not None
        url: str = self.gateway.ready["graphql"]
        return url.removesuffix("/graphql")

    def kill(self) -> None:
        """End the gateway as nothing ends that is prepared for it."""
        assert self.gateway is not None
        self.gateway.end(signal.SIGKILL)

    def execute(self, text: str, **variables: Any) -> Any:
        """Return the data of an operation, of a gateway that may be killed meanwhile."""

        def answer() -> Any:
            assert self.gateway is not None
            try:
                return self.gateway.post(text, variables, key=self.key, namespace=NAMESPACE).json
            except (OSError, HTTPException):
                return None

        got = until(answer, "the gateway answers")
        assert "errors" not in got, got
        return got["data"]

    def cursor(self) -> str:
        """Return the place after which everything is told that happens from now on."""
        cursor: str = self.execute("{ viewer { eventCursor } }")["viewer"]["eventCursor"]
        return cursor

    def create_bucket(self, name: str) -> str:
        input = {"bucketName": name, "bucketSchema": FREE_SCHEMA}
        payload = self.execute(CREATE_BUCKET, input=input)["createBucket"]
        assert payload["errors"] == []
        id: str = payload["bucket"]["id"]
        # Else its own event may be among those that come after a cursor.
        until(lambda: asyncio.run(is_logged(self.database_url, id)), "the bucket is in the log")
        return id

    def create_objects(self, bucket_id: str, number: int) -> list[str]:
        inputs = [{"bucketId": bucket_id, "metadata": {}} for _ in range(number)]
        made: list[str] = []
        for each in _portions(inputs, _MOST_INPUTS):
            results = self.execute(_CREATE, inputs=each)["createObjects"]["results"]
            made += [each["object"]["id"] for each in results]
        return made

    def move(self, ids: Sequence[str], status: str, *, at_once: int = _MOST_INPUTS) -> None:
        """Give objects a status; one that they have already stays."""
        for each in _portions(ids, at_once):
            inputs = [{"id": id, "status": status} for id in each]
            answer = self.execute(_UPDATE, inputs=inputs)["updateStatuses"]
            assert answer["failed"] == 0, answer

    @property
    def variables(self) -> dict[str, str]:
        return {"GATEWAY_KEY": self.key}

    def arguments(self, *more: str) -> list[str]:
        return ["watch", "--url", self.url, "--namespace", NAMESPACE, *more]

    def watch(self, *more: str) -> Ended:
        """Watch until that ends by itself."""
        return run(*self.arguments(*more), variables=self.variables)


class Watch:
    """A watch that goes on; what it says is in files."""

    def __init__(self, place: Place, folder: Path, *more: str) -> None:
        files = folder / "output", folder / "complaint"
        self._said: Callable[[], list[bytes]] = lambda: [each.read_bytes() for each in files]
        with files[0].open("wb") as output, files[1].open("wb") as complaint:
            self._process = subprocess.Popen(
                [*GATEWAY, *place.arguments(*more)],
                env=environment(place.variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=complaint,
            )

    @property
    def events(self) -> list[Event]:
        whole, _, _ = self._said()[0].rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def complaint(self) -> str:
        return self._said()[1].decode()

    def until_told(self, number: int) -> list[Event]:
        """Return the events once there are as many."""

        def told() -> list[Event] | None:
            assert self._process.poll() is None, self.complaint
            events = self.events
            return events if len(events) >= number else None

        found: list[Event] = until(told, f"{number} events are told")
        return found

    def close(self) -> None:
        """End it; what it has said can be looked at afterwards too."""
        self.end(signal.SIGKILL)
        said = self._said()
        self._said = lambda: said

    def wait(self) -> int:
        return self._process.wait(DEADLINE_S)

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; return the exit status."""
        self._process.send_signal(number)
        return self.wait()


@contextmanager
def watching(place: Place, *more: str) -> Iterator[Watch]:
    with lent_folder() as folder:
        watch = Watch(place, folder, *more)
        try:
            yield watch
        finally:
            watch.close()


def moves_by_object(events: Sequence[Event]) -> Mapping[str, list[tuple[str | None, str]]]:
    """Return the moves of each object, in the order they were told."""
    found = defaultdict(list)
    for each in events:
        if each["kind"] == "OBJECT":
            found[each["nodeId"]].append((each["previousStatus"], each["status"]))
    return found


def _portions(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


@pytest.fixture(scope="session")
async def database_url(server: Server, migrated_template: str) -> AsyncIterator[str]:
    """The URL of a database with a namespace."""
    name = await server.create(template=migrated_template)
    yield server.url(name)
    await server.drop(name)


@pytest.fixture(scope="session")
async def key(database_url: str) -> str:
    """A key of an administrator of the namespace."""
    return await make_namespace(database_url, NAMESPACE)


@pytest.fixture(scope="session")
def place(database_url: str, key: str) -> Iterator[Place]:
    """A gateway that nobody kills."""
    with lent_folder() as folder:
        place = Place(database_url, folder, key)
        with place.serving():
            yield place


@pytest.fixture
def mortal(database_url: str, key: str) -> Iterator[Place]:
    """A place of the test's own, for a gateway that is killed."""
    with lent_folder() as folder:
        yield Place(database_url, folder, key)


@pytest.fixture
def bucket_name(request: pytest.FixtureRequest) -> str:
    name: str = request.node.name
    return name

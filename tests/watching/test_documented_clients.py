"""The code of docs/subscriptions.md, as it stands there, beside a gateway that is killed."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import dev
from gateway.database.pool import open_database
from gateway.events.cursors import EventCursors
from gateway.settings import PREFIX, Settings
from tests.conftest import lent_folder
from tests.node import NPM
from tests.node import node as node  # the fixture
from tests.serve.gateways import environment, until

from .clients import Client
from .conftest import NAMESPACE, Event, Place, watching
from .moving import MOVES, check, moved_through_kills
from .network import Network

GUIDE = (dev.ROOT / "docs" / "subscriptions.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
STATE, EVENTS, PAST = (text for language, text in BLOCKS if language == "graphql")
CLIENTS = ["sockets", "streams", "python"]
NUMBER = 40


@pytest.fixture(params=CLIENTS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which client is run; those of npm need Node."""
    kind: str = request.param
    if kind != "python":
        request.getfixturevalue("node")
    return kind


@contextmanager
def following(
    kind: str,
    place: Place,
    bucket_id: str,
    start: str = "",
    *,
    events: str = EVENTS,
    read_fails: bool = False,
    url: str | None = None,
    beat_ms: int | None = None,
) -> Iterator[Client]:
    """Run a client whose code is the guide's; it begins at ``start``, or where it reads.

    Args:
        read_fails: The first time.
        url: Where the gateway is reached; None: where it listens.
        beat_ms: In place of the one that the guide's clients of npm have.
    """
    with lent_folder() as folder:
        for _, text in BLOCKS:
            if named := re.match(r"(?://|#) (\w+\.(?:js|py))\n", text):
                (folder / named[1]).write_text(text)
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "node_modules").symlink_to(NPM / "node_modules")
        program: list[str | Path] = (
            [sys.executable, Path(__file__).with_name("following.py")]
            if kind == "python"
            else ["node", NPM / "follow.mjs"]
        )
        headers = {"Authorization": f"Bearer {place.key}", "X-Namespace": NAMESPACE}
        told = {
            "FOLDER": str(folder),
            "CLIENT": kind,
            "BUCKET": bucket_id,
            "ASKED_URL": f"{url or place.url}/graphql",
            "BEAT": str(beat_ms or ""),
            "ASKED_HEADERS": json.dumps(headers),
            "STATE": STATE,
            "EVENTS": events,
            "FAILS": "once" if read_fails else "",
            **({"START": start} if start else {}),
        }
        output = folder / "told"
        with (
            output.open("wb") as file,
            subprocess.Popen(
                program, env=environment(told), stdin=subprocess.PIPE, stdout=file
            ) as process,
        ):
            try:
                yield Client(output, process)
            finally:
                process.kill()


def test_tells_each_event_once_through_kills(mortal: Place, kind: str, bucket_name: str) -> None:
    with mortal.serving():
        bucket_id = mortal.create_bucket(bucket_name)
        start = mortal.cursor()
        ids = mortal.create_objects(bucket_id, NUMBER)
        with following(kind, mortal, bucket_id, start) as client:
            client.until_told(NUMBER)
            with moved_through_kills(mortal, ids):
                events = client.until_told(len(MOVES) * NUMBER)
                assert client.reads == [NUMBER]

    check(events, ids)


def test_reads_anew_where_events_are_gone(
    place: Place, kind: str, database_url: str, bucket_name: str
) -> None:
    bucket_id = place.create_bucket(bucket_name)
    ids = place.create_objects(bucket_id, 2)
    with following(kind, place, bucket_id, asyncio.run(cursor_set_back(database_url))) as client:
        until(lambda: len(client.reads) == 2, "the state is read anew")
        place.move(ids, "QUEUED")
        client.until_told(2)
        moved = [each for each in client.events if each["status"] == "QUEUED"]

    assert [each["nodeId"] for each in moved] == ids


def test_tells_what_is_refused(place: Place, kind: str, bucket_name: str) -> None:
    bucket_id = place.create_bucket(bucket_name)
    with following(kind, place, bucket_id, "A" * 22) as client:
        until(lambda: len(client.told) == 2, "the error is told")

        assert "after is no event cursor of this namespace" in client.told[1]["error"]


# graphql-sse tries again by itself, and tells nobody.
@pytest.mark.parametrize("kind", ["sockets", "python"])
def test_comes_again_where_its_key_has_too_much_open(
    mortal: Place, kind: str, bucket_name: str, request: pytest.FixtureRequest
) -> None:
    if kind == "sockets":
        request.getfixturevalue("node")
    with mortal.serving(GATEWAY_MAX_SUBSCRIPTIONS_PER_KEY="1"):
        bucket_id = mortal.create_bucket(bucket_name)
        start = mortal.cursor()
        with watching(mortal, "--after", start) as other:
            mortal.create_objects(bucket_id, 1)
            other.until_told(1)
            with following(kind, mortal, bucket_id) as client:
                _, refused = until(
                    lambda: len(client.told) > 1 and client.told[:2], "it is refused"
                )
                other.close()
                # What is made before the state is read again is no event.
                until(lambda: kind == "python" or len(client.reads) > 1, "it comes again")
                (second,) = mortal.create_objects(bucket_id, 1)
                events = client.until_told(1)

    assert "1 subscriptions; the most is 1" in refused["error"]
    assert [each["nodeId"] for each in events] == [second]


def test_reads_again_where_that_fails(place: Place, kind: str, bucket_name: str) -> None:
    bucket_id = place.create_bucket(bucket_name)
    with following(kind, place, bucket_id, read_fails=True) as client:
        until(lambda: client.reads == [0], "the state is read")
        ids = place.create_objects(bucket_id, 1)

        assert [each["nodeId"] for each in client.until_told(1)] == ids


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("kind", ["sockets", "streams"])
def test_tells_an_event_whose_node_cannot_be_read(
    place: Place, kind: str, bucket_name: str
) -> None:
    bucket_id = place.create_bucket(bucket_name)
    start = place.cursor()
    (id,) = place.create_objects(bucket_id, 1)
    wrong = "node { ... on BucketObject { history(first: 1001) { at } } }"
    events = EVENTS.replace("error at", f"error at {wrong}")
    with following(kind, place, bucket_id, start, events=events) as client:
        client.until_told(1)
        refused, event = client.told[-2:]

    assert "first is 1001" in refused["error"]
    assert (event["nodeId"], event["node"]) == (id, None)


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("kind", ["sockets", "streams"])
def test_notices_a_network_that_falls_silent(place: Place, kind: str, bucket_name: str) -> None:
    bucket_id = place.create_bucket(bucket_name)
    with (
        Network(place.url) as network,
        following(kind, place, bucket_id, url=network.url, beat_ms=400) as client,
    ):
        until(lambda: client.reads == [0], "the state is read")
        first = place.create_objects(bucket_id, 1)
        client.until_told(1)
        network.fall_silent()
        second = place.create_objects(bucket_id, 1)
        events = client.until_told(2)

    assert [each["nodeId"] for each in events] == first + second


def test_pages_through_what_happened(place: Place, bucket_name: str) -> None:
    (id,) = place.create_objects(place.create_bucket(bucket_name), 1)
    place.move([id], "QUEUED")

    def told() -> list[Event]:
        first: list[Event] = place.execute(PAST, id=id, after=None)["node"]["history"]
        return first if len(first) == 2 else []

    first, second = until(told, "both events are told")
    rest = place.execute(PAST, id=id, after=first["cursor"])["node"]["history"]

    assert [first["event"], second["event"]] == ["CREATED", "STATUS_CHANGED"]
    assert rest == [second]


def test_says_what_the_settings_are() -> None:
    named = set(re.findall(r"`(GATEWAY_\w+)`(?:, (\d+))?", GUIDE))

    assert named
    for name, default in named:
        value = getattr(Settings(), name.removeprefix(PREFIX).lower())
        assert default in ("", str(value)), name


async def cursor_set_back(database_url: str) -> str:
    """Return a cursor of a place that the database has not come to."""
    cursors = EventCursors()
    async with open_database(database_url) as database:
        await cursors.load(database)
        async with database.connection() as connection:
            namespace_id = await connection.fetchval("SELECT id FROM namespaces")
    return cursors.write(namespace_id, 1, 10**9)

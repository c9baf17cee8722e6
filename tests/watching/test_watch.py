"""`gateway watch`, seen from outside."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ

import pytest

from gateway.commands.reaching import NAMESPACE_NAME
from gateway.namespaces import first_key
from gateway.watching.lines import FIELDS
from tests.operations import DELETE_BUCKET
from tests.serve.gateways import DEADLINE_S, GATEWAY, environment, run, until

from .conftest import STATUSES, Place, Watch, moves_by_object, watching
from .network import Network
from .test_documented_clients import cursor_set_back

FULL = Path("/dev/full")
ERASED = rb"(\x1b\[1A\x1b\[2K)+"
HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


@pytest.fixture
def bucket_id(place: Place, bucket_name: str) -> str:
    return place.create_bucket(bucket_name)


def finish(place: Place, ids: list[str], end: str = "COMPLETED") -> None:
    for status in (*STATUSES[:-1], end):
        place.move(ids, status)


def test_tells_what_happens_in_its_bucket_alone(
    place: Place, bucket_id: str, bucket_name: str
) -> None:
    other = place.create_bucket(f"{bucket_name}-other")
    start = place.cursor()
    with watching(place, bucket_name, "--after", start) as watch:
        place.create_objects(other, 1)
        (id,) = place.create_objects(bucket_id, 1)
        place.move([id], "QUEUED")
        made, queued = watch.until_told(2)
        status = watch.end()

    assert tuple(made) == tuple(queued) == FIELDS
    assert made | {"cursor": "", "at": ""} == {
        "cursor": "",
        "event": "CREATED",
        "kind": "OBJECT",
        "nodeId": id,
        "bucketId": bucket_id,
        "collectionId": None,
        "rootObjectId": id,
        "version": 1,
        "previousStatus": None,
        "status": "DRAFT",
        "error": None,
        "at": "",
    }
    assert (queued["event"], queued["previousStatus"], queued["status"], queued["version"]) == (
        *("STATUS_CHANGED", "DRAFT", "QUEUED"),
        2,
    )
    assert status == 130
    assert watch.complaint.endswith(f"--after {queued['cursor']} goes on from here.\n")


def test_another_watch_goes_on_after_a_line(place: Place, bucket_id: str) -> None:
    start = place.cursor()
    ids = place.create_objects(bucket_id, 3)
    with watching(place, bucket_id, "--after", start) as watch:
        first = watch.until_told(3)
    place.move(ids, "QUEUED")
    with watching(place, bucket_id, "--after", first[0]["cursor"]) as watch:
        second = watch.until_told(5)

    assert second[:2] == first[1:]
    assert moves_by_object(second[2:]) == {id: [("DRAFT", "QUEUED")] for id in ids}


def test_without_a_bucket_it_watches_all(place: Place, bucket_name: str) -> None:
    with watching(place, "--after", place.cursor()) as watch:
        place.create_objects(place.create_bucket(bucket_name), 1)
        kinds = [each["kind"] for each in watch.until_told(2)]

    assert kinds[:2] == ["BUCKET", "OBJECT"]


@pytest.mark.parametrize(("end", "status"), [("COMPLETED", 0), ("FAILED", 1)])
def test_ends_when_all_is_done(place: Place, bucket_id: str, end: str, status: int) -> None:
    ids = place.create_objects(bucket_id, 4)
    finish(place, ids[:1])
    with watching(place, bucket_id, "--until", "done") as watch:
        # The first move that is told shows that it has read what goes on.
        until(lambda: _moved(place, ids[1]) and watch.events, "it follows")
        finish(place, ids[2:])
        finish(place, ids[1:2], end)
        assert watch.wait() == status
        told = moves_by_object(watch.events)
        summary = watch.complaint

    assert all(told[id][-1][1] == "COMPLETED" for id in ids[2:])
    assert told[ids[1]][-1][1] == end
    assert ids[0] not in told
    expected = "4 COMPLETED" if end == "COMPLETED" else "3 COMPLETED, 1 FAILED"
    assert summary == f"Everything is at an end: {expected}.\n"


def _moved(place: Place, id: str) -> bool:
    """Change something about an object of which only an event tells."""
    place.execute(
        "mutation ($input: PatchObjectInput!) { patchObject(input: $input) { errors { code } } }",
        input={"id": id, "metadata": {"touched": os.urandom(4).hex()}},
    )
    return True


def test_ends_at_once_where_nothing_goes_on(place: Place, bucket_id: str) -> None:
    empty = place.watch(bucket_id, "--until", "done")
    start = place.cursor()
    finish(place, place.create_objects(bucket_id, 2))
    done = place.watch(bucket_id, "--until", "done")
    with watching(place, bucket_id, "--until", "done", "--after", start) as watch:
        assert watch.wait() == 0

    assert (empty.status, empty.output) == (0, "")
    assert empty.complaint == "Everything is at an end: there is nothing.\n"
    assert (done.status, done.output) == (0, "")
    assert done.complaint == "Everything is at an end: 2 COMPLETED.\n"
    # With a place to begin at, what was before is told first.
    assert len(watch.events) == 2 * 4


@pytest.mark.parametrize(("more", "status"), [((), 0), (("--until", "done"), 2)])
def test_ends_with_its_bucket(
    place: Place, bucket_id: str, more: tuple[str, ...], status: int
) -> None:
    start = place.cursor()
    place.create_objects(bucket_id, 1)
    with watching(place, bucket_id, "--after", start, *more) as watch:
        watch.until_told(1)
        place.execute(DELETE_BUCKET, id=bucket_id)
        assert watch.wait() == status
        last = watch.events[-1]

    assert watch.complaint == "The bucket is gone.\n"
    assert (last["event"], last["kind"], last["nodeId"]) == ("DELETED", "BUCKET", bucket_id)


def test_says_that_events_are_gone_and_goes_on(
    place: Place, bucket_id: str, database_url: str
) -> None:
    start = asyncio.run(cursor_set_back(database_url))
    ids = place.create_objects(bucket_id, 1)
    with watching(place, bucket_id, "--after", start, "--until", "done") as watch:
        (reset,) = watch.until_told(1)
        finish(place, ids)
        assert watch.wait() == 0
        told = moves_by_object(watch.events)

    assert reset == dict.fromkeys(FIELDS) | {
        "cursor": reset["cursor"],
        "event": "RESET",
        "error": "DIVERGED",
    }
    assert watch.complaint.startswith("events were missed that are gone (DIVERGED)")
    assert told[ids[0]][-1] == ("PROCESSING", "COMPLETED")


def test_ends_when_its_key_is_revoked(place: Place, bucket_id: str, database_url: str) -> None:
    variables = {"GATEWAY_DATABASE_URL": database_url}
    made = run("keys", "create", "short", "--permission", "read", "--json", variables=variables)
    id, secret = (
        re.findall(rf'"{name}": "(.*?)"', made.output)[0] for name in ("key_id", "secret")
    )
    start = place.cursor()
    with watching(place, bucket_id, "--after", start, "--key", secret) as watch:
        place.create_objects(bucket_id, 1)
        watch.until_told(1)
        assert run("keys", "revoke", id, variables=variables).status == 0
        assert watch.wait() == 2

    assert "Forbidden" in watch.complaint
    assert watch.complaint.startswith("gateway: ")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("none",), "there is no bucket 'none'"),
        (("--key", "sk_wrong"), "key"),
        (("--namespace", "none"), "namespace"),
        (("--after", "short"), "this is no event cursor; pass one that the gateway gave"),
        (("--after", "A" * 22), "after is no event cursor of this namespace"),
    ],
)
def test_what_cannot_begin_says_why(place: Place, more: tuple[str, ...], reason: str) -> None:
    ended = place.watch(*more)

    assert (ended.status, ended.output) == (2, "")
    (line,) = ended.complaint.splitlines()
    assert line.startswith("gateway: ")
    assert reason in line


def test_waits_for_a_gateway_that_does_not_listen_yet(
    place: Place, bucket_id: str, bucket_name: str
) -> None:
    start = place.cursor()
    (id,) = place.create_objects(bucket_id, 1)
    network = Network(place.url)
    with (
        watching(place, "--url", network.url, "--after", start) as every,
        watching(place, bucket_name, "--url", network.url, "--after", start) as one,
        watching(place, bucket_name, "--url", network.url, "--until", "done") as done,
    ):
        watches = every, one, done
        until(lambda: all(each.complaint for each in watches), "all three wait")
        with network:
            until(lambda: _tells_of(every, id) and _tells_of(one, id), "both tell of it")
            finish(place, [id])
            assert done.wait() == 0
        said = [each.complaint.splitlines() for each in watches]

    waiting = f"waiting for the gateway: {network.url}/graphql gives no answer: "
    assert all(lines[0].startswith(waiting) for lines in said)
    assert said[2][1:] == ["Everything is at an end: 1 COMPLETED."]
    # It is said once for each outage, and to leave the network is one.
    assert all(len(lines) <= 2 for lines in said)


def _tells_of(watch: Watch, id: str) -> bool:
    return id in {each["nodeId"] for each in watch.events}


def test_ends_when_nobody_reads_its_output(place: Place, bucket_id: str) -> None:
    start = place.cursor()
    reader, writer = os.pipe()
    os.close(reader)
    place.create_objects(bucket_id, 1)
    with os.fdopen(writer, "wb") as output:
        ended = subprocess.run(
            [*GATEWAY, *place.arguments(bucket_id, "--after", start)],
            env=environment(place.variables),
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=DEADLINE_S,
            check=False,
        )

    assert (ended.returncode, ended.stderr) == (141, b"")


def test_the_address_may_be_that_of_graphiql(place: Place, bucket_id: str) -> None:
    ended = place.watch(bucket_id, "--until", "done", "--url", f"{place.url}/graphql")

    assert (ended.status, ended.complaint) == (0, "Everything is at an end: there is nothing.\n")


def test_refuses_an_address_at_which_is_no_gateway(place: Place) -> None:
    elsewhere = place.watch("--url", f"{place.url}/elsewhere")
    nowhere = place.watch("--url", "ftp://127.0.0.1")

    assert elsewhere.status == 2
    assert elsewhere.complaint.endswith(
        "/elsewhere/graphql answers 404, and not as a gateway does\n"
    )
    assert nowhere.status == 2
    assert "'ftp://127.0.0.1' is no address, as http://127.0.0.1:8000 is one" in nowhere.complaint


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a file that is always full")
def test_says_where_to_go_on_when_its_output_is_full(place: Place, bucket_id: str) -> None:
    start = place.cursor()
    place.create_objects(bucket_id, 1)
    with FULL.open("wb") as full:
        ended = subprocess.run(
            [*GATEWAY, *place.arguments(bucket_id, "--after", start)],
            env=environment({**place.variables, "PYTHONUNBUFFERED": ""}),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=DEADLINE_S,
            check=False,
        )

    assert ended.returncode == 2
    assert re.fullmatch(
        rb"gateway: what happens cannot be written: No space left on device"
        rb"(; --after \S{22} goes on from here)?\n",
        ended.stderr,
    )


@pytest.mark.parametrize(
    ("command", "statuses"),
    [("watch", ["0", "1", "2", "130", "141", "143"]), ("import", ["0", "1", "2", "130"])],
)
def test_help_has_a_line_for_each_exit_status(command: str, statuses: list[str]) -> None:
    listed = run(command, "--help").output.partition("Exit status:\n")[2]

    assert re.findall(r"^ +(\d+)  \S", listed, re.MULTILINE) == statuses


def test_needs_a_key(place: Place) -> None:
    ended = run(*place.arguments())

    assert ended.status == 2
    assert "a key is needed: --key-file, --key or $GATEWAY_KEY" in ended.complaint


def test_the_namespace_left_out_is_that_of_a_private_gateway() -> None:
    assert NAMESPACE_NAME == first_key.NAMESPACE_NAME


class Terminal:
    """A watch on a terminal; ``shown`` is what was ``written``, without its colours."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self._master = master
        self.written = b""
        self.process = process

    @property
    def shown(self) -> str:
        with suppress(BlockingIOError, OSError):
            while data := os.read(self._master, 65_536):
                self.written += data
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.written.decode(errors="replace"))

    def until_shown(self, pattern: str) -> None:
        until(lambda: re.search(pattern, self.shown), f"{pattern} is shown")


@contextmanager
def on_a_terminal(place: Place, *more: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    ioctl(slave, TIOCSWINSZ, pack("HHHH", 30, 110, 0, 0))
    os.set_blocking(master, False)
    process = subprocess.Popen(
        [*GATEWAY, *place.arguments(*more)],
        env=environment(place.variables | {"TERM": "xterm-256color"}),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_shows_a_table_on_a_terminal(mortal: Place, bucket_name: str) -> None:
    with mortal.serving():
        bucket_id = mortal.create_bucket(bucket_name)
        ids = mortal.create_objects(bucket_id, 3)
        with on_a_terminal(mortal, bucket_name) as terminal:
            terminal.until_shown(rf"{re.escape(bucket_name)}  {mortal.url}  live")
            terminal.until_shown(r"DRAFT +total\s+objects +3 +3\s+documents +· +0")
            finish(mortal, ids[:2])
            terminal.until_shown(rf"object +{ids[0]} +PROCESSING → COMPLETED")
            terminal.until_shown(r"DRAFT +COMPLETED +total\s+objects +1 +2 +3")
            terminal.until_shown("2 of 3 done")
            mortal.kill()
            terminal.until_shown(r"waiting for the gateway .*\s+.*(gives no answer|broken off)")
            with mortal.serving():
                finish(mortal, ids[2:])
                terminal.until_shown(r"COMPLETED +total\s+objects +3 +3")
                terminal.process.send_signal(signal.SIGINT)
                terminal.until_shown(r"Interrupted; --after \S{22} goes on from here\.")
                assert terminal.process.wait(DEADLINE_S) == 130


def test_leaves_only_the_reason_on_a_terminal_where_it_cannot_begin(place: Place) -> None:
    with on_a_terminal(place, "none") as terminal:
        assert terminal.process.wait(DEADLINE_S) == 2
        terminal.until_shown("gateway: there is no bucket 'none'")

    assert re.search(ERASED + rb"gateway: there", terminal.written)


def test_gives_the_terminal_its_cursor_back_when_it_is_ended(place: Place) -> None:
    with on_a_terminal(place) as terminal:
        terminal.until_shown("live")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.until_shown(r"Interrupted; --after \S{22} goes on from here\.")
        assert terminal.process.wait(DEADLINE_S) == 143

        _, _, last = terminal.written.rpartition(HIDE_CURSOR)
        assert SHOW_CURSOR in last
        assert not re.search(ERASED + rb"Interrupted", last)  # what it showed stays

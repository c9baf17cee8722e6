"""`gateway import`, against a gateway that runs."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.database.embedded.address import running_url
from gateway.importing.uploading import MULTIPART_ABOVE_BYTES
from tests.conftest import lent_folder
from tests.operations import CREATE_BUCKET
from tests.serve.gateways import (
    DEADLINE_S,
    GATEWAY,
    Ended,
    Gateway,
    environment,
    fetch,
    run,
    serving,
    until,
)
from tests.serve.test_s3 import variables as of_s3
from tests.waiting import count_waiting

SCHEMA = {
    "properties": {
        "picture": {"type": "image"},
        "page": {"type": "pdf"},
        "notes": {"type": "text"},
        "other": {"type": "binary"},
    }
}
_OBJECTS = """
query ($name: String!) {
  bucket(name: $name) {
    objects(first: 1000) { nodes { keyPrefix blobs { property presignedUrl } } }
  }
}
"""
_COUNTED = "query ($name: String!) { bucket(name: $name) { objects { totalCount } } }"
_RECEIVED = "query ($id: ID!) { upload(id: $id) { receivedParts { sizeBytes } } }"
PNG = b"\x89PNG\r\n\x1a\n"
MIB = 1024**2


class Importing:
    """A folder, a bucket to import it into, and a home for the journal."""

    def __init__(self, gateway: Gateway, folder: Path, bucket: str) -> None:
        self.gateway = gateway
        self.folder = folder / "files"
        self.home = folder / "home"
        self.bucket = bucket
        self.folder.mkdir()

    def write(self, path: str, data: bytes) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    @property
    def variables(self) -> dict[str, str]:
        return {
            "GATEWAY_KEY": self.gateway.ready["api_key"],
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
        }

    @property
    def url(self) -> str:
        url: str = self.gateway.ready["graphql"]
        return url.removesuffix("/graphql")

    def arguments(self, *more: str) -> list[str | Path]:
        return ["import", self.folder, "--bucket", self.bucket, "--url", self.url, *more]

    def begun(self, *more: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Return the process of an import that goes on."""
        return subprocess.Popen(
            [*GATEWAY, *self.arguments(*more)],
            env=environment(self.variables),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def received_bytes(self) -> int:
        """Return how much has come of the file that is on its way in parts."""
        with suppress(ValueError, FileNotFoundError):  # none yet, or just being replaced
            (journal,) = self.home.rglob("imports/*.json")
            (id,) = json.loads(journal.read_text()).values()
            parts = self.gateway.execute(_RECEIVED, id=id)["upload"]["receivedParts"]
            return sum(int(each["sizeBytes"]) for each in parts or ())
        return 0

    def run(self, *more: str) -> Ended:
        return run(*self.arguments(*more), variables=self.variables)

    def told(self, *more: str) -> dict[str, Any]:
        """Return what an import tells as JSON."""
        ended = self.run("--json", *more)
        assert not ended.complaint
        told: dict[str, Any] = json.loads(ended.output)
        assert ended.status == (1 if told["failures"] else 0)
        return told

    def objects(self) -> dict[str, list[dict[str, Any]]]:
        found = self.gateway.execute(_OBJECTS, name=self.bucket)["bucket"]["objects"]["nodes"]
        assert len({each["keyPrefix"] for each in found}) == len(found)
        return {each["keyPrefix"]: each["blobs"] for each in found}


@pytest.fixture
def importing(served: Gateway, request: pytest.FixtureRequest) -> Iterator[Importing]:
    name = request.node.name
    served.mutate(CREATE_BUCKET, bucketName=name, bucketSchema=SCHEMA)
    with lent_folder() as folder:
        yield Importing(served, folder, name)


def test_a_folder_becomes_objects_once(importing: Importing) -> None:
    importing.write("a/portrait.png", PNG + b"1")
    importing.write("a/copy.png", PNG + b"1")
    importing.write("b/c/paper.pdf", b"%PDF-1.4")
    importing.write("readme.txt", b"hello")
    importing.write("unknown", b"\0\1")
    importing.write("empty.bin", b"")

    first = importing.told()
    second = importing.told()

    assert (first["imported"], first["present"], first["failures"]) == (6, 0, [])
    assert first["imported_bytes"] == 9 + 9 + 8 + 5 + 2
    assert first["sent_bytes"] <= first["imported_bytes"]
    assert (second["imported"], second["present"], second["sent_bytes"]) == (0, 6, 0)
    objects = importing.objects()
    assert {path: blobs[0]["property"] for path, blobs in objects.items()} == {
        "a/portrait.png": "picture",
        "a/copy.png": "picture",
        "b/c/paper.pdf": "page",
        "readme.txt": "notes",
        "unknown": "other",
        "empty.bin": "other",
    }
    assert fetch(objects["b/c/paper.pdf"][0]["presignedUrl"]).body == b"%PDF-1.4"


def test_what_fails_is_listed_and_the_rest_is_imported(importing: Importing) -> None:
    importing.write("a.txt", b"one")
    importing.told()
    importing.write("a.txt", b"another")
    importing.write("b.txt", b"two")

    told = importing.told()
    ended = importing.run()

    assert (told["imported"], [each["path"] for each in told["failures"]]) == (1, ["a.txt"])
    assert "other content" in told["failures"][0]["error"]
    assert ended.status == 1
    assert "0 files imported (0 bytes, 0 of them sent), 1 were there, 1 failed." in ended.output
    assert "a.txt: the bucket has an object of this path" in ended.complaint


def test_what_is_to_be_imported_can_be_narrowed_and_looked_at_first(importing: Importing) -> None:
    importing.write("a.txt", b"one")
    importing.write("b/c.bin", b"two")

    told = importing.told("--dry-run", "--glob", "*.txt")
    assert (told["imported"], told["sent_bytes"], importing.objects()) == (1, 0, {})

    importing.told("--glob", "*.txt", "--property", "other")
    assert [(path, blobs[0]["property"]) for path, blobs in importing.objects().items()] == [
        ("a.txt", "other")
    ]


def test_no_file_at_all_is_told_and_no_failure(importing: Importing) -> None:
    importing.write("a.txt", b"one")

    narrowed = importing.run("--glob", "*.png")
    (importing.folder / "a.txt").unlink()
    empty = importing.run("--json")

    assert (narrowed.status, empty.status) == (0, 0)
    assert narrowed.output.startswith("0 files imported")
    told = f"There is no file below {importing.folder.resolve()} that fits "
    assert narrowed.complaint == f"{told}'*.png'.\n"
    assert empty.complaint == f"{told}'**/*'.\n"
    assert json.loads(empty.output)["imported"] == 0


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--bucket", "none"), "there is no bucket 'none'"),
        (("--property", "none"), "'none' is no property for files"),
        (("--key", "sk_wrong"), "key"),
        (("--url", "http://127.0.0.1:9"), "gives no answer"),
    ],
)
def test_what_cannot_begin_says_why(
    served: Gateway, more: tuple[str, ...], reason: str, request: pytest.FixtureRequest
) -> None:
    name = f"for {request.node.name}"
    served.mutate(CREATE_BUCKET, bucketName=name, bucketSchema=SCHEMA)
    with lent_folder() as folder:
        ended = Importing(served, folder, name).run(*more)

    assert ended.status == 2
    *retries, last = ended.complaint.splitlines()
    assert last.startswith("gateway: ")
    assert reason in last
    assert [each.endswith("; trying again") for each in retries] == (
        [True] if reason == "gives no answer" else []
    )


def test_how_far_it_has_come_is_shown_in_bytes_and_files(importing: Importing) -> None:
    importing.write("a.txt", b"a" * MIB)
    importing.write("empty.txt", b"")
    terminal, its = pty.openpty()

    with importing.begun(stderr=its) as process:
        os.close(its)
        shown = b""
        with suppress(OSError):  # Linux's way to tell that nobody writes any more
            while more := os.read(terminal, 65536):
                shown += more
        os.close(terminal)
        process.communicate(timeout=DEADLINE_S)

    assert b"0.0 of 1.0 MiB, 0 of 2 files" in shown
    assert b"1.0 of 1.0 MiB, 2 of 2 files" in shown
    assert len(importing.objects()) == 2


LARGE = MULTIPART_ABOVE_BYTES + 1


@pytest.fixture(params=["local", "s3"])
def of_store(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of a gateway that keeps bytes in its folder, or in S3."""
    return of_s3(request.getfixturevalue("s3_place")) if request.param == "s3" else {}


@contextmanager
def one_large_file(
    state: Path, **variables: str
) -> Iterator[tuple[Importing, subprocess.Popen[str]]]:
    """Give an import of a file in parts, one of which has come; then kill its gateway."""
    with serving(state, variables=variables) as gateway:
        gateway.mutate(CREATE_BUCKET, bucketName="b", bucketSchema=SCHEMA)
        importing = Importing(gateway, state.parent, "b")
        importing.write("large.bin", os.urandom(LARGE))
        with importing.begun("--json", "--jobs", "1") as process:
            until(importing.received_bytes, "a part has come")
            yield importing, process


@contextmanager
def again(importing: Importing, **variables: str) -> Iterator[None]:
    """Serve the same state at the same port."""
    _, _, port = importing.url.rpartition(":")
    state = importing.gateway.state
    with serving(state, "--port", port, variables=variables) as importing.gateway:
        yield


def assert_goes_on(importing: Importing) -> None:
    """Assert that an import sends what has not come, and no more."""
    received = importing.received_bytes()
    assert received

    told = importing.told("--resume")

    assert (told["imported"], told["failures"]) == (1, [])
    assert told["sent_bytes"] == LARGE - received
    (blobs,) = importing.objects().values()
    data = (importing.folder / "large.bin").read_bytes()
    assert fetch(blobs[0]["presignedUrl"]).body == data
    assert importing.told()["sent_bytes"] == 0


def test_an_import_goes_on_after_both_sides_were_interrupted(begun_state: Path) -> None:
    with one_large_file(begun_state) as (importing, process):
        # Else all may have come before the signal.
        importing.gateway.process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=DEADLINE_S)
        importing.gateway.end(signal.SIGKILL)

    assert process.returncode == 130
    assert "Interrupted; the same command goes on from here." in complaint
    with again(importing):
        assert_goes_on(importing)


async def test_an_import_goes_on_after_its_gateway_was_killed_while_it_confirmed(
    of_store: dict[str, str], begun_state: Path
) -> None:
    with serving(begun_state, variables=of_store) as gateway:
        gateway.mutate(CREATE_BUCKET, bucketName="b", bucketSchema=SCHEMA)
        importing = Importing(gateway, begun_state.parent, "b")
        importing.write("large.bin", os.urandom(LARGE))
        # So the gateway joins the parts, and cannot write that it did.
        url = running_url(gateway.state)
        assert url is not None
        holder = await asyncpg.connect(url)
        await holder.execute("BEGIN; LOCK TABLE contents IN SHARE MODE")
        with importing.begun("--json") as process:
            async with asyncio.timeout(DEADLINE_S):
                while not await count_waiting(holder):
                    pass
            gateway.end(signal.SIGKILL)
            assert process.stderr is not None
            assert process.stderr.readline().endswith("; trying again\n")
            process.send_signal(signal.SIGINT)  # it would try for some seconds
            process.communicate(timeout=DEADLINE_S)
        holder.terminate()

    with again(importing, **of_store):
        told = importing.told("--resume")
        assert (told["imported"], told["sent_bytes"], told["failures"]) == (1, 0, [])
        (blobs,) = importing.objects().values()
        data = (importing.folder / "large.bin").read_bytes()
        assert fetch(blobs[0]["presignedUrl"]).body == data


def test_an_import_whose_parts_are_gone_sends_them_again(begun_state: Path) -> None:
    with one_large_file(begun_state) as (importing, process):
        importing.gateway.end(signal.SIGKILL)
        process.send_signal(signal.SIGINT)  # it would try again for some seconds
        process.communicate(timeout=DEADLINE_S)
    shutil.rmtree(begun_state / "blobs" / "parts")

    with again(importing):
        told = importing.told("--resume")
        assert (told["imported"], told["sent_bytes"], told["failures"]) == (1, LARGE, [])
        assert importing.told()["present"] == 1


def test_an_import_whose_gateway_is_gone_ends_soon(begun_state: Path) -> None:
    with serving(begun_state) as gateway:
        gateway.mutate(CREATE_BUCKET, bucketName="b", bucketSchema=SCHEMA)
        importing = Importing(gateway, begun_state.parent, "b")
        for number in range(400):
            importing.write(f"{number}.txt", str(number).encode())
        with importing.begun("--json") as process:
            until(lambda: len(importing.objects()) > 10, "some are imported")
            gateway.end(signal.SIGKILL)
            output, _ = process.communicate(timeout=DEADLINE_S)
    told = json.loads(output)

    assert process.returncode == 1
    assert told["imported"] + len(told["failures"]) == 400
    assert "not tried" in told["failures"][-1]["error"]
    with again(importing):
        second = importing.told()
        assert second["failures"] == []
        assert second["imported"] + second["present"] == 400
        objects = importing.gateway.execute(_COUNTED, name="b")["bucket"]["objects"]
        assert objects["totalCount"] == 400


def test_an_import_whose_gateway_is_killed_tells_so_and_goes_on(
    of_store: dict[str, str], begun_state: Path
) -> None:
    with one_large_file(begun_state, **of_store) as (importing, process):
        importing.gateway.end(signal.SIGKILL)
        output, complaint = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 1
    (retry,) = complaint.splitlines()
    assert retry.endswith("; trying again")
    (failure,) = json.loads(output)["failures"]
    assert failure["path"] == "large.bin"
    assert "broke off" in failure["error"] or "gives no answer" in failure["error"]
    assert "signature" not in failure["error"]
    with again(importing, **of_store):
        assert_goes_on(importing)

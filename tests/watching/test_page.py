"""GraphiQL as the gateway serves it, in a browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import lent_folder
from tests.node import NPM
from tests.node import node as node  # the fixture
from tests.serve.gateways import environment, until

from .clients import Client
from .conftest import NAMESPACE, Place
from .moving import MOVES, check, moved_through_kills

NUMBER = 40
EVENTS = """
subscription {
  statusChanged(filter: {bucketIds: ["BUCKET"], kinds: [OBJECT]}) {
    __typename
    ... on StatusCheckpoint { replaying }
    ... on StatusEvent { cursor kind nodeId previousStatus status error }
  }
}
"""
FAIL = """
mutation ($input: UpdateStatusInput!) { updateStatus(input: $input) { errors { message } } }
"""


@pytest.fixture
def chromium() -> Path:
    """The browser; CI has to have it."""
    found = shutil.which("chromium")
    if found:
        return Path(found)
    reason = "chromium is missing, a package of Debian"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Page(Client):
    """The page in a browser: what is told is what its list of events shows."""

    @property
    def told(self) -> list[Any]:
        told = super().told
        assert not [each for each in told if "fault" in each]
        return told

    @property
    def runs(self) -> int:
        """How often the operation has begun."""
        return sum("replaying" in each for each in self.told)

    def run_again(self) -> None:
        """Stop the subscription, load the page anew, and begin it."""
        assert self._process.stdin is not None
        before = self.runs
        self._process.stdin.write(b"again\n")
        self._process.stdin.flush()
        until(lambda: self.runs > before, "the page follows again")


@contextmanager
def opened(
    chromium: Path, node: Path, place: Place, operation: str, **is_so: bool
) -> Iterator[Page]:
    """Open the page and have it run an operation.

    Args:
        is_so: ``is_offline``: it reaches no host but the gateway. ``is_away``: a proxy answers.
    """
    headers = {"Authorization": f"Bearer {place.key}", "X-Namespace": NAMESPACE}
    told = {
        "CHROMIUM": str(chromium),
        "PAGE_URL": f"{place.url}/graphql",
        "PAGE_HEADERS": json.dumps(headers),
        "OPERATION": operation,
        **{name.upper(): "true" for name in is_so if is_so[name]},
    }
    with lent_folder() as folder:
        output = folder / "told"
        with (
            output.open("wb") as file,
            subprocess.Popen(
                [node, NPM / "page.mjs"],
                env=environment(told),
                stdin=subprocess.PIPE,
                stdout=file,
            ) as process,
        ):
            try:
                yield Page(output, process)
            finally:
                try:
                    process.communicate(timeout=20)  # the browser takes its files away
                finally:
                    process.kill()


def test_shows_each_event_once_through_kills(
    mortal: Place, chromium: Path, node: Path, bucket_name: str
) -> None:
    with mortal.serving():
        bucket_id = mortal.create_bucket(bucket_name)
        with opened(chromium, node, mortal, EVENTS.replace("BUCKET", bucket_id)) as page:
            until(lambda: page.runs, "the page follows")
            ids = mortal.create_objects(bucket_id, NUMBER)
            page.until_told(NUMBER)
            with moved_through_kills(mortal, ids):
                events = page.until_told(len(MOVES) * NUMBER)
                errors = [each["errors"] for each in page.told if "errors" in each]

    check(events, ids)
    assert all("does not answer" in message["message"] for (message,) in errors)
    assert 1 <= len(errors) <= 2  # once each time that it is away


def test_shows_any_text_and_what_runs_now_only(
    place: Place, chromium: Path, node: Path, bucket_name: str
) -> None:
    bucket_id = place.create_bucket(bucket_name)
    strange = "</li>\u2028\u2029\r\n\n data: 🎈"
    with opened(chromium, node, place, EVENTS.replace("BUCKET", bucket_id)) as page:
        until(lambda: page.runs, "the page follows")
        (id,) = place.create_objects(bucket_id, 1)
        place.move([id], "QUEUED")
        failed = {"id": id, "status": "FAILED", "error": strange}
        answer = place.execute(FAIL, input=failed)
        assert answer == {"updateStatus": {"errors": []}}
        *_, event = page.until_told(3)
        page.run_again()
        place.create_objects(bucket_id, 1)
        place.create_objects(bucket_id, 1)
        events = page.until_told(5)

    assert event["error"] == strange
    assert len({each["cursor"] for each in events}) == len(events)


def test_says_what_is_refused(place: Place, chromium: Path, node: Path) -> None:
    operation = 'subscription { nodeStatus(id: "obj_1") { status } }'
    with opened(chromium, node, place, operation) as page:
        ((error,),) = until(lambda: [each["errors"] for each in page.told], "it is refused")

    assert "nothing here has the id 'obj_1'" in error["message"]


def test_says_that_others_answer(place: Place, chromium: Path, node: Path) -> None:
    with opened(chromium, node, place, EVENTS, is_away=True) as page:
        ((error,),) = until(lambda: [each["errors"] for each in page.told], "it is refused")

    assert "503" in error["message"]


def test_says_where_its_files_come_from(place: Place, chromium: Path, node: Path) -> None:
    with opened(chromium, node, place, "{ viewer }", is_offline=True) as page:
        (said,) = until(lambda: page.told, "the page says something")

    assert "unpkg.com" in said["shown"]

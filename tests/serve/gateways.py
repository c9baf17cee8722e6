"""Gateways as people and machines start them: processes, seen from outside."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).parents[2]
GATEWAY: Sequence[str | Path] = (sys.executable, "-m", "gateway")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are told apart by /proc")
# A machine that has other things to do; nothing ever waits for so long unless it has failed.
DEADLINE_S = 120

VIEWER = "{ viewer { namespace { namespaceName } } }"


class Ended(NamedTuple):
    status: int
    output: str
    complaint: str


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Message

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with no setting of a gateway but those given.

    The programs of PostgreSQL stay, for the whole suite may be run on other ones. No statement is
    slow: how long one takes on a busy machine is not what tests of what is told are about.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GATEWAY_") or name == "GATEWAY_POSTGRES_BIN"
    }
    told = {"PYTHONPATH": str(ROOT), "GATEWAY_SLOW_MS": "600000"}
    return kept | told | dict(variables or {})


def run(
    *arguments: str | Path,
    command: Sequence[str | Path] = GATEWAY,
    user: pwd.struct_passwd | None = None,
    variables: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command of the gateway to its end."""
    ended = subprocess.run(
        [*command, *arguments],
        cwd="/",
        env=environment(variables),
        text=True,
        capture_output=True,
        timeout=DEADLINE_S,
        **as_user(user),
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Return what makes ``subprocess`` start a process as that user; None: as this one."""
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def until(condition: Callable[[], Any], what: str) -> Any:
    """Return what the condition gives, once that is something."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.02)
    return found


def processes_of(state: Path) -> list[str]:
    """Return the command lines that name the state folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if any(os.fsencode(state) in word for word in words):
                found.append(os.fsdecode(b" ".join(words)))
    return found


def server_pid(state: Path) -> int:
    """Return the process id of the private PostgreSQL."""
    (file,) = state.glob("pg*/postmaster.pid")
    return int(file.read_text().split()[0])


def fetch(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Send a request; a refusal is an answer too."""
    request = Request(url, body, dict(headers or {}))  # noqa: S310 - of a gateway of ours
    try:
        with urlopen(request, timeout=DEADLINE_S) as response:  # noqa: S310
            return Answer(response.status, response.read(), response.headers)
    except HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.read(), refusal.headers)


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that serves; ``ready`` is what its ready file says."""

    process: subprocess.Popen[bytes]
    folder: Path
    state: Path
    ready: dict[str, Any]

    @property
    def ready_file(self) -> Path:
        return self.folder / "ready.json"

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def complaint(self) -> str:
        return (self.folder / "complaint").read_text()

    def get(self, path: str) -> Answer:
        return fetch(self.ready["health"].removesuffix("/healthz") + path)

    def post(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        key: str | None = None,
        namespace: str = "default",
    ) -> Answer:
        """Send an operation, with the key of the ready file or another."""
        headers = {
            "Authorization": f"Bearer {key or self.ready['api_key']}",
            "X-Namespace": namespace,
            "Content-Type": "application/json",
        }
        body = {"query": query, "variables": variables}
        return fetch(self.ready["graphql"], json.dumps(body).encode(), headers)

    def execute(self, query: str, /, **variables: Any) -> Any:
        """Return the data of an operation without top-level errors."""
        answer = self.post(query, variables).json
        assert "errors" not in answer, answer
        return answer["data"]

    def mutate(self, operation: str, /, **input: Any) -> Any:
        """Return the payload of a mutation of one field that went well."""
        (payload,) = self.execute(operation, input=input).values()
        assert payload["errors"] == []
        return payload

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


@contextmanager
def serving(
    state: Path,
    *arguments: str | Path,
    command: Sequence[str | Path] = GATEWAY,
    user: pwd.struct_passwd | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """Run `gateway serve` on a free port; give it when it is ready, end it if the test has not.

    What it says, and its ready file, are in the folder of the state folder.
    """
    folder = state.parent
    ready_file = folder / "ready.json"
    with (folder / "output").open("wb") as output, (folder / "complaint").open("wb") as complaint:
        process = subprocess.Popen(
            [
                *command,
                *("serve", "--port", "0", "--state", state, "--ready-file", ready_file),
                *arguments,
            ],
            cwd=folder,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=complaint,
            **as_user(user),
        )

    def ready() -> dict[str, Any] | None:
        status = process.poll()
        assert status is None, f"exit status {status}: {(folder / 'complaint').read_text()}"
        with suppress(FileNotFoundError):
            said: dict[str, Any] = json.loads(ready_file.read_text())
            # Not the one of a gateway before it.
            return said if said["pid"] == process.pid else None
        return None

    try:
        yield Gateway(process, folder, state, until(ready, "the gateway is ready"))
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(DEADLINE_S)

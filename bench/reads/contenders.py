"""Those that are compared, each a process of its own with ten connections to the database."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol

import click
import orjson

from bench.reads import limit
from bench.reads.load import http_request, renewed
from bench.reads.workloads import COLD_TEXTS, Variables, Workload

START_TIMEOUT_S = 60.0
_ROOT = Path(__file__).parents[2]


class Contender(Protocol):
    """A server that is measured, and how it is asked."""

    name: str
    port: int
    pid: int
    warm_up_s: float

    def requests(self, workload: Workload, variables: Sequence[Variables]) -> list[bytes]:
        """Return the requests of a workload."""

    def answer_in(self, workload: Workload, body: bytes) -> Any:
        """Return what all have to answer alike."""


class Gateway:
    """The gateway, as `gateway serve` runs it."""

    name = "gateway"
    warm_up_s = 2.0  # statements are prepared, the pool is full

    def __init__(self, port: int, pid: int, headers: dict[str, str]) -> None:
        self.port, self.pid, self.headers = port, pid, headers

    def requests(self, workload: Workload, variables: Sequence[Variables]) -> list[bytes]:
        """Return requests with the whole text of the query each."""
        return graphql_requests(self.port, self.headers, workload, workload.text, variables)

    def answer_in(self, workload: Workload, body: bytes) -> Any:
        """Return the part of the data that the others answer with."""
        return graphql_answer(self.name, workload, body)


class Limit:
    """The handlers by hand."""

    name = "limit"
    warm_up_s = 2.0

    def __init__(self, port: int, pid: int, headers: dict[str, str]) -> None:
        self.port, self.pid, self._headers = port, pid, headers

    def requests(self, workload: Workload, variables: Sequence[Variables]) -> list[bytes]:
        """Return requests to the handler of the workload."""
        path = f"/{workload.document}"
        return [
            http_request(self.port, path, self._headers, orjson.dumps(each)) for each in variables
        ]

    def answer_in(self, workload: Workload, body: bytes) -> Any:  # noqa: ARG002
        """Return the answer."""
        return json.loads(body)


def graphql_requests(
    port: int,
    headers: dict[str, str],
    workload: Workload,
    text: str,
    variables: Sequence[Variables],
) -> list[bytes]:
    """Return requests with a document as text; of a cold workload each names it differently."""
    texts = [text] * len(variables)
    if workload.is_cold:
        texts = [
            text.replace("query (", f"query Cold{number} (", 1) for number in range(COLD_TEXTS)
        ]
        variables = [variables[number % len(variables)] for number in range(COLD_TEXTS)]
    bodies = [
        orjson.dumps({"query": each, "variables": given})
        for each, given in zip(texts, variables, strict=True)
    ]
    return [http_request(port, "/graphql", headers, body) for body in bodies]


def graphql_answer(name: str, workload: Workload, body: bytes) -> Any:
    """Return the data at the workload's place.

    Raises:
        ClickException: There are errors.
    """
    answer = json.loads(body)
    if "errors" in answer:
        raise click.ClickException(f"{name} fails at {workload.title}: {answer['errors']}")
    value = answer["data"]
    for key in workload.place:
        value = value[key]
    return value


def ask(contender: Contender, request: bytes) -> bytes:
    """Send one request; return the body of the answer."""
    head, _, body = renewed(request).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    connection = HTTPConnection("127.0.0.1", contender.port, timeout=START_TIMEOUT_S)
    try:
        headers = dict(line.split(": ", 1) for line in rest)
        connection.request("POST", first.split()[1], body, headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise click.ClickException(f"{contender.name} answers {response.status}: {answer!r}")
    return answer


@contextmanager
def open_gateway(url: str, folder: Path, headers: dict[str, str]) -> Iterator[Gateway]:
    """Run the gateway on a database for the length of the block.

    Args:
        folder: For its state; nobody else's.
    """
    ready = folder / "ready.json"
    settings = {
        "GATEWAY_DATABASE_URL": url,
        "GATEWAY_DATABASE_POOL_SIZE": str(limit.POOL_SIZE),
        "GATEWAY_KEY_RATE": "1000000",  # nobody is refused; what it costs to count is measured
    }
    serve = ["-m", "gateway", "serve", "--port", "0", "--state", str(folder / "gateway")]
    command = [sys.executable, *serve, "--ready-file", str(ready)]
    with running("the gateway", command, settings, folder / "log", ready.exists) as process:
        address = json.loads(ready.read_text())["graphql"]
        yield Gateway(int(address.split(":")[2].split("/")[0]), process.pid, headers)


@contextmanager
def open_limit(url: str, folder: Path, headers: dict[str, str]) -> Iterator[Limit]:
    """Run the handlers by hand on a database for the length of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        settings = {"BENCH_DATABASE_URL": url, "BENCH_SOCKET": str(listening.fileno())}
        # By its path: as a module it would load all that is around it, the gateway too.
        command = [sys.executable, "-P", limit.__file__]
        with running(
            "limit", command, settings, folder / "limit.log", descriptors=[listening.fileno()]
        ) as process:
            yield Limit(listening.getsockname()[1], process.pid, headers)


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    settings: Mapping[str, str],
    log: Path,
    is_ready: Callable[[], bool] = lambda: True,
    descriptors: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the length of the block, which begins when it is ready.

    Raises:
        ClickException: It ended, or took too long.
    """
    # Settings of the caller's gateway are not for the one that is measured.
    own = {name: text for name, text in os.environ.items() if not name.startswith("GATEWAY_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            env={**own, "PYTHONPATH": str(_ROOT), **settings},
            stdout=output,
            stderr=output,
            pass_fds=descriptors,
        )
    try:
        until = time.monotonic() + START_TIMEOUT_S
        while not is_ready():
            if process.poll() is not None or time.monotonic() > until:
                raise click.ClickException(f"{name} does not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait()

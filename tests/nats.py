"""A NATS server for tests: the program of Debian's package, or whichever is on the path."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.programs import frozen

_DEADLINE_S = 60
_SYSTEM = f"{os.defpath}:/usr/sbin"


class Nats:
    """A server that a test may kill, freeze and start again, at one address.

    Args:
        options: Of the program.
    """

    def __init__(self, program: str, folder: Path, *options: str) -> None:
        self._command = [program, "-a", "127.0.0.1", "--ports_file_dir", str(folder), *options]
        self._folder = folder
        self._port = -1  # a free one
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"nats://{self.address}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._command, "-p", str(self._port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ports = self._folder / f"{Path(self._command[0]).name}_{self._process.pid}.ports"
        deadline = time.monotonic() + _DEADLINE_S
        while not (ports.exists() and ports.read_text().endswith("}")):
            assert self._process.poll() is None, "nats-server has ended"
            assert time.monotonic() < deadline, "nats-server has not started"
            time.sleep(0.01)
        (url,) = json.loads(ports.read_text())["nats"]
        self._port = urlsplit(url).port

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def frozen(self) -> AbstractContextManager[None]:
        return frozen(self._process)


StartNats = Callable[..., Nats]


@pytest.fixture
def start_nats(tmp_path: Path) -> Iterator[StartNats]:
    """Starts a server with some options; it ends with the test."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path=_SYSTEM)
    if program is None:
        reason = "nats-server is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with ExitStack() as stack:

        def start(*options: str) -> Nats:
            server = Nats(program, tmp_path, *options)
            stack.callback(server.kill)
            return server

        yield start


@pytest.fixture
def nats_server(start_nats: StartNats) -> Nats:
    return start_nats()

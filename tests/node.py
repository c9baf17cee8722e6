"""What others wrote for Node: `npm ci --prefix tests/npm` installs it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import dev

NPM = dev.ROOT / "tests" / "npm"
# A machine that has other things to do; nothing ever takes so long unless it hangs.
DEADLINE_S = 120


class Ended(NamedTuple):
    status: int
    output: str


@pytest.fixture
def node() -> Path:
    """The program; CI has to have it, and the packages."""
    found = shutil.which("node")
    if found and _is_installed():
        return Path(found)
    reason = "Node or its packages are missing: npm ci --prefix tests/npm"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _is_installed() -> bool:
    wanted = json.loads((NPM / "package.json").read_text())["dependencies"]
    return all((NPM / "node_modules" / name).is_dir() for name in wanted)


async def run_node(
    node: Path,
    *arguments: str | Path,
    variables: Mapping[str, str] | None = None,
    folder: Path = NPM,
) -> Ended:
    """Run a program while this process goes on serving it."""
    process = await asyncio.create_subprocess_exec(
        node,
        *arguments,
        cwd=folder,
        env=os.environ | dict(variables or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    reading = asyncio.create_task(process.communicate())
    _, unfinished = await asyncio.wait([reading], timeout=DEADLINE_S)
    if unfinished:
        process.kill()
    output, _ = await reading
    assert process.returncode is not None
    return Ended(process.returncode, output.decode())

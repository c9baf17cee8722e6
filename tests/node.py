"""What others wrote for Node: `npm ci --prefix tests/npm` installs it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

import dev
from tests.programs import Ended, run_program

NPM = dev.ROOT / "tests" / "npm"


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
    """Run a program of npm while this process goes on serving it."""
    return await run_program(node, *arguments, folder=folder, variables=variables)

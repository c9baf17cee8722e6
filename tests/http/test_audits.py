"""The audits of those who wrote GraphQL over HTTP: npm's graphql-http, on Node."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

import dev

from .conftest import Served

NPM = dev.ROOT / "tests" / "npm"


@pytest.fixture
def node() -> Path:
    """The program; CI has to have it, and the packages."""
    found = shutil.which("node")
    if found and (NPM / "node_modules" / "graphql-http").is_dir():
        return Path(found)
    reason = "Node or its packages are missing: npm ci --prefix tests/npm"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


async def test_passes_the_audits(served: Served, node: Path) -> None:
    told = {"AUDITED_URL": f"{served.url}/graphql", "AUDITED_HEADERS": json.dumps(served.headers)}
    process = await asyncio.create_subprocess_exec(
        node, NPM / "audit.mjs", env=os.environ | told, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    assert process.returncode == 0
    results = json.loads(output)
    assert len(results) > 50
    assert [each for each in results if each["status"] != "ok"] == []

"""The audits of those who wrote GraphQL over HTTP: npm's graphql-http, on Node."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from tests.node import NPM
from tests.node import node as node  # the fixture

from .conftest import Served


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

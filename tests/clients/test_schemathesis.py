"""schemathesis asks for every query and mutation, rightly and wrongly, and judges the answers."""

from __future__ import annotations

import base64
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from graphql import build_schema

import dev
from tests.client import Client
from tests.differential.conftest import tell as tell  # the fixture
from tests.http.conftest import Served
from tests.http.random_documents import filled
from tests.programs import DEADLINE_S, run_program

HOOKS = "tests.clients.schemathesis_hooks"
CHECKS = (
    "not_a_server_error",
    "response_schema_conformance",
    "negative_data_rejection",
    "is_as_specified",  # of the hooks
)
PER_EXAMPLE_S = 30  # on all fields; far more than it takes


def root_fields() -> set[str]:
    schema = build_schema((dev.ROOT / "schema.graphql").read_text())
    roots = (schema.query_type, schema.mutation_type)
    return {f"{root.name}.{field}" for root in roots if root for field in root.fields}


def answers(report: Path) -> Iterator[tuple[str, bool]]:
    """Yield of each answer its field, and whether that was executed."""
    for line in report.read_bytes().splitlines():
        recorded = orjson.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for each in recorded.get("interactions", {}).values():
            body = orjson.loads(base64.b64decode(each["response"]["content"]["$base64"]))
            yield recorded["label"], "data" in body


async def test_finds_nothing_wrong_in_any_query_or_mutation(
    served: Served,
    client: Client,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
    tell: Callable[[str], None],
) -> None:
    examples = request.config.getoption("--schemathesis-examples")
    seed = request.config.getoption("--random-seed")
    ids = await filled(client)
    headers = served.headers | {"X-Namespace": client.namespace_id}
    report = tmp_path / "report.ndjson"

    ended = await run_program(
        Path(sys.executable).with_name("schemathesis"),
        "run",
        f"{served.url}/graphql",
        *(f"--header={name}:{value}" for name, value in headers.items()),
        f"--checks={','.join(CHECKS)}",
        f"--max-examples={examples}",
        f"--seed={seed}",
        "--generation-database=none",
        "--report=ndjson",
        f"--report-ndjson-path={report}",
        "--no-color",
        folder=tmp_path,
        variables={
            "SCHEMATHESIS_HOOKS": HOOKS,
            "PYTHONPATH": str(dev.ROOT),
            "GATEWAY_IDS": " ".join(ids),
        },
        deadline_s=DEADLINE_S + examples * PER_EXAMPLE_S,
    )

    assert ended.status == 0, f"{ended.output}\n\n{caplog.text}"
    # aiohttp tells of headers that are none; schemathesis sends one to see what becomes of it.
    faults = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert [each for each in faults if each.name != "aiohttp.server"] == []
    told = Counter(answers(report))
    asked = Counter(was_executed for _, was_executed in told.elements())
    tell(f"from seed {seed}: {asked[True]} executed, {asked[False]} refused")
    assert root_fields() - {field for field, was_executed in told if was_executed} == set()
    assert asked[False] > len(root_fields())

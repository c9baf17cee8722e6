"""Clients of npm do what frontends do with them; tests/npm has what each does."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

import dev
from gateway.settings import Settings
from tests.http.conftest import Served, Serving
from tests.node import NPM, run_node

PROGRAMS = sorted(each.name for each in NPM.glob("*.test.mjs"))


def endpoint(served: Served) -> dict[str, str]:
    return {
        "ENDPOINT_URL": f"{served.url}/graphql",
        "ENDPOINT_HEADERS": json.dumps(served.headers),
    }


def application(name: str, folder: Path) -> Path:
    """Return a copy of an application's folder, with the schema and the packages, to build in."""
    made = shutil.copytree(NPM / name, folder / name)
    shutil.copy(dev.ROOT / "schema.graphql", made)
    (made / "node_modules").symlink_to(NPM / "node_modules")
    return made


@pytest.mark.parametrize("program", PROGRAMS)
async def test_works(program: str, served: Served, node: Path) -> None:
    ended = await run_node(node, "--test-reporter=spec", program, variables=endpoint(served))

    assert ended.status == 0, ended.output


async def test_what_relay_compiles_is_all_that_a_gateway_has_to_trust(
    serving: Serving, node: Path, tmp_path: Path
) -> None:
    folder = application("relay", tmp_path)
    (folder / "artifacts").mkdir()
    (folder / "trusted").mkdir()
    (folder / "trusted" / "relay.json").write_text("{}")  # the compiler adds to what is there
    compiler = "node_modules/relay-compiler/cli.js"
    compiled = await run_node(node, compiler, "relay.config.json", folder=folder)
    assert compiled.status == 0, compiled.output
    settings = Settings(trusted_documents=str(folder / "trusted"), trusted_documents_only=True)

    async with serving(settings) as served:
        ended = await run_node(
            node, "--test-reporter=spec", "src/App.js", variables=endpoint(served), folder=folder
        )

    assert ended.status == 0, ended.output


async def test_a_program_with_generated_types_is_strict_and_runs(
    served: Served, node: Path, tmp_path: Path
) -> None:
    folder = application("codegen", tmp_path)
    for step in (["generate.mjs"], ["node_modules/typescript/bin/tsc", "--project", "."]):
        ended = await run_node(node, *step, folder=folder)
        assert ended.status == 0, ended.output

    ended = await run_node(node, "built/program.js", variables=endpoint(served), folder=folder)

    assert ended.status == 0, ended.output
    assert json.loads(ended.output) == {
        "name": "typed",
        "sizes": [0, 0],
        "conflicts": [["ALREADY_EXISTS", True]],
        "shown": [
            {"path": path, "hash": hashlib.sha256(path.encode()).hexdigest(), "bytes": 1}
            for path in "cba"
        ],
        "kinds": ["BucketObject DRAFT"],
    }

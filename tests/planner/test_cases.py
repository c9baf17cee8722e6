"""Each query in cases/ and the SQL it becomes, side by side: `--write-cases` writes the SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Engine

CASES = sorted((Path(__file__).parent / "cases").glob("*.graphql"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
async def test_case(case: Path, engine: Engine, request: pytest.FixtureRequest) -> None:
    await engine.execute(case.read_text())

    (statement,) = engine.statements  # one root field, one statement
    statement = "\n".join(line.rstrip() for line in statement.splitlines()) + "\n"
    expected = case.with_suffix(".sql")
    if request.config.getoption("--write-cases"):
        expected.write_text(statement)
    assert statement == expected.read_text()

"""Each query in cases/ and the SQL it becomes, side by side: `--write-cases` writes the SQL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import Engine

CASES = sorted((Path(__file__).parent / "cases").glob("*.graphql"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
async def test_case(case: Path, engine: Engine, request: pytest.FixtureRequest) -> None:
    await engine.execute(case.read_text())

    (statement,) = engine.statements  # one root field, one statement
    statement = indented(statement)
    expected = case.with_suffix(".sql")
    if request.config.getoption("--write-cases"):
        expected.write_text(statement)
    assert statement == expected.read_text()


def indented(sql: str) -> str:
    """Return a statement with each line as deep as the parentheses are that it stands in."""
    written = ""
    depths: list[int] = []  # of the lines on which the open parentheses stand
    for line in sql.splitlines():
        closed = len(line) - len(line.lstrip(")"))
        depth = depths[-closed] if closed else depths[-1] + 1 if depths else 0
        written += f"{'  ' * depth}{line.strip()}\n"
        for sign in re.findall("[()]", re.sub("'(?:[^']|'')*'", "", line)):
            if sign == "(":
                depths.append(depth)
            else:
                depths.pop()
    return written

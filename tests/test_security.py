"""docs/security.md names tests and settings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import dev
from gateway.settings import PREFIX, Settings

DOCS = Path(dev.ROOT, "docs", "security.md").read_text()


def test_each_defence_names_tests_that_exist() -> None:
    lines = (line for line in DOCS.splitlines() if re.match(r"\| [A-E](, [A-E])* \|", line))
    rows = [line for line in lines if line.count(" | ") == 3]
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", DOCS)

    assert len(rows) > 25
    assert all("::test_" in row for row in rows)
    for file, name in named:
        assert re.search(rf"def {name}\(", Path(dev.ROOT, file).read_text()), (file, name)


def test_names_settings_that_exist() -> None:
    named = set(re.findall(rf"{PREFIX}([A-Z_]+)", DOCS))

    assert named <= {name.upper() for name in Settings.__dataclass_fields__}

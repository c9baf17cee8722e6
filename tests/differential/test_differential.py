"""The read engine answers random documents as plain Python does."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from .conftest import Written
from .shrinking import shrink


async def test_answers_as_the_reference_does(
    written: Written, request: pytest.FixtureRequest, tell: Callable[[str], None]
) -> None:
    checks = request.config.getoption("--differential-checks")
    seed = request.config.getoption("--differential-seed")
    comparison = written.comparison()
    difference = await comparison.gather_cursors() or await comparison.search(count(seed), checks)
    tell(f"from seed {seed}: {dict(comparison.counts)}")
    if difference is not None:
        pytest.fail(str(await shrink(comparison, difference)), pytrace=False)
    # Of these many, each way was really gone.
    counts = comparison.counts
    assert min(counts["short road"], counts["telling"]) > checks / 3
    assert counts["invalid"] < counts["documents"] / 20

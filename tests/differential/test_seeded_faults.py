"""The comparison finds faults: each of these, put into the planner, shows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from .comparing import Cursors
from .conftest import Written
from .faults import FAULTS, SOME, Fault, seeded

MOST_CHECKS = 1500


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault" in metafunc.fixturenames:
        chosen = FAULTS if metafunc.config.getoption("--all-faults") else SOME
        metafunc.parametrize("fault", chosen, ids=lambda fault: fault.name)


@pytest.fixture(scope="module")
async def cursors(written: Written) -> Cursors:
    """Those that the engine gives as long as it has no fault."""
    comparison = written.comparison()
    assert await comparison.gather_cursors() is None
    return comparison.cursors


async def test_finds_nothing_without_a_fault(
    written: Written, cursors: Cursors, request: pytest.FixtureRequest
) -> None:
    checks = MOST_CHECKS if request.config.getoption("--all-faults") else 100
    comparison = written.comparison(bare=True, cursors=cursors.copy())

    difference = await comparison.search(count(1), checks)

    assert difference is None, str(difference)


async def test_finds(
    fault: Fault, written: Written, cursors: Cursors, tell: Callable[[str], None]
) -> None:
    # As a role that sees all namespaces: the second lock would hide that the first is open.
    comparison = written.comparison(bare=True, cursors=cursors.copy())

    with seeded(fault):
        difference = await comparison.search(count(1), MOST_CHECKS)

    tell(f"{fault.name}: {comparison.counts['checks']} checks")
    assert difference is not None

"""A tenant learns nothing of its neighbour, and changes nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.differential.faults import SOME, Fault, seeded

from .conftest import House, Housed
from .running import belongings, move_in

LIST = next(each for each in SOME if each.name == "a list has other namespaces' rows")
BY_ID = next(each for each in SOME if each.name == "an id finds another namespace's row")
PATCH = Fault(
    "a patch changes the bucket of any namespace",
    "gateway.database.row_patches",
    {".where(*this_one, or_(": ".where(this_one[1], or_("},
    remade=("gateway.buckets.patching", "_PATCH"),
)
FAULTS = (LIST, BY_ID, PATCH)
SEED_OF_FAULTS, MOST_STEPS = 6, 2000  # it comes upon each of them soon


async def leak(housed: Housed, seed: int, most: int) -> str | None:
    """Return what the neighbour shows or loses, if it does, in so many steps."""
    alone = min(most // 4, 30)
    found = await housed.twins.difference(f"{seed} before", alone)
    await move_in(housed.superuser)
    await housed.twins.settle()
    before = await belongings(housed.superuser)
    for start in range(alone, most, 40):
        steps = min(40, most - start)
        found = found or await housed.twins.difference(f"{seed} {start}", steps)
        if found is None and await belongings(housed.superuser) != before:
            found = "the neighbour has other rows than before"
        if found is not None:
            break
    return found


async def test_a_neighbour_makes_no_difference(
    house: House, request: pytest.FixtureRequest, tell: Callable[[str], None]
) -> None:
    most = request.config.getoption("--tenant-steps")
    seed = request.config.getoption("--tenant-seed")
    async with house() as housed:
        found = await leak(housed, seed, most)
    counts = housed.twins.counts
    tell(f"from seed {seed}: {dict(sorted(counts.items()))}")

    assert found is None, found
    # Of these many, each way was really gone.
    done = sum(counts[name] for name in counts if name.endswith(" done"))
    assert done - counts["read done"] - counts["look done"] > most / 10
    assert counts["read done"] > most / 4


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_finds(fault: Fault, house: House) -> None:
    # As a role that sees all namespaces: the second lock would hide that the first is open.
    async with house(bare=True) as housed:
        with seeded(fault):
            found = await leak(housed, SEED_OF_FAULTS, MOST_STEPS)

    assert found is not None


async def test_row_level_security_alone_keeps_them_apart(house: House) -> None:
    async with house() as housed:
        with ExitStack() as faults:
            for fault in FAULTS:
                faults.enter_context(seeded(fault))
            found = await leak(housed, 1, 60)

    assert found is None, found

"""A gateway for all tests that leave it running, and a state folder to start others on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import lent_folder
from tests.serve.gateways import Gateway, serving


@pytest.fixture(scope="session")
def served() -> Iterator[Gateway]:
    """A gateway with a private database, as it is after its first start."""
    with lent_folder() as folder, serving(folder / "state") as gateway:
        yield gateway


@pytest.fixture(scope="session")
def _begun() -> Iterator[Path]:
    with lent_folder() as folder:
        with serving(folder / "state"):
            pass
        yield folder / "state"


@pytest.fixture
def begun_state(_begun: Path, state_folder: Path) -> Path:
    """The state folder of a gateway that was started once, which is most of what a start costs."""
    # Its files are another user's, where root may not run PostgreSQL.
    subprocess.run(["/bin/cp", "-a", _begun, state_folder], check=True)
    return state_folder

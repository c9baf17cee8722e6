"""A gateway for all tests that leave it running."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.conftest import lent_folder
from tests.serve.gateways import Gateway, serving


@pytest.fixture(scope="session", autouse=True)
def _bytecode() -> Iterator[None]:
    """Where Python keeps no bytecode, keep it here: it is two thirds of a start."""
    with pytest.MonkeyPatch.context() as patch, lent_folder() as folder:
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(folder))
        yield


@pytest.fixture(scope="session")
def served(_bytecode: None) -> Iterator[Gateway]:
    """A gateway with a private database, as it is after its first start."""
    with lent_folder() as folder, serving(folder / "state") as gateway:
        yield gateway

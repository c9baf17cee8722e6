"""A gateway for all tests that leave it running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import lent_folder
from tests.serve.gateways import Gateway, serving


@pytest.fixture(scope="session")
def served() -> Iterator[Gateway]:
    """A gateway with a private database, as it is after its first start."""
    with lent_folder() as folder, serving(folder / "state") as gateway:
        yield gateway

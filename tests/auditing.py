"""For folders whose tests make many gateways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.planner.audit.auditor import audit


@pytest.fixture(scope="module", autouse=True)
def audited_once() -> Iterator[None]:
    """Audit the schema of the first gateway alone: that of all others is the same.

    It is more than half of what it takes to make a gateway.
    """
    audited = False

    def audit_first(*given: Any) -> None:
        nonlocal audited
        if not audited:
            audit(*given)
        audited = True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.schema.audit", audit_first)
        yield

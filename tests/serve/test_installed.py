"""The wheel is the whole gateway: it serves where there is no checkout."""

from __future__ import annotations

from pathlib import Path

from tests.project.test_wheel import installed as installed  # the fixtures
from tests.project.test_wheel import wheel as wheel
from tests.serve.gateways import VIEWER, serving


def test_serves_in_an_empty_folder(installed: Path, state_folder: Path) -> None:
    assert list(state_folder.parent.iterdir()) == []

    with serving(
        state_folder, command=[installed / "gateway"], variables={"PYTHONPATH": ""}
    ) as gateway:
        assert gateway.execute(VIEWER) == {"viewer": {"namespace": {"namespaceName": "default"}}}
        assert gateway.get("/readyz").status == 200
        assert gateway.end() == 0
        assert gateway.complaint == ""

"""requirements.lock pins everything that pyproject.toml asks for, for any index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dev

PROJECT: dict[str, Any] = tomllib.loads((dev.ROOT / "pyproject.toml").read_text())
ASKED_FOR = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
FRAME = ["requirements.lock", "pyproject.toml", "dev.py", "Makefile", ".pre-commit-config.yaml"]

# One requirement with its hashes; only comments may stand between two.
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)(?P<marker> ; [^\\]+)? \\\n"
    r"(?:    --hash=sha256:[0-9a-f]{64} \\\n)*"
    r"    --hash=sha256:[0-9a-f]{64}\n",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def lock() -> str:
    return dev.LOCK.read_text()


def test_is_nothing_but_pinned_and_hashed_requirements(lock: str) -> None:
    rest = PIN.sub("", lock)

    assert [line for line in rest.splitlines() if not line.lstrip().startswith("#")] == []


@pytest.mark.parametrize("asked_for", ASKED_FOR)
def test_pins_what_the_project_asks_for(asked_for: str, lock: str) -> None:
    versions = {pin["name"]: pin["version"] for pin in PIN.finditer(lock)}

    requirement = Requirement(asked_for)

    assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("name", [*FRAME, ".ci/run"])
def test_names_no_host(name: str) -> None:
    text = Path(dev.ROOT, name).read_text()

    assert "://" not in text
    assert re.search(r"\b[\w-]+\.(org|com|net|io|dev)\b", text) is None


def test_splits_off_uv_which_installs_the_rest(lock: str) -> None:
    uv, others = dev.split_lock(lock)

    assert [pin["name"] for pin in PIN.finditer(uv)] == ["uv"]
    assert len(PIN.findall(others)) == len(PIN.findall(lock)) - 1


def test_has_to_pin_uv() -> None:
    with pytest.raises(SystemExit, match=r"requirements\.lock does not pin uv"):
        dev.split_lock("pytest==9.2.0 \\\n    --hash=sha256:00\n")

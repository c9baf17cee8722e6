"""The wheel is the whole gateway: it installs and imports where there is no checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import dev

UV = Path(sys.prefix, "bin", "uv")

# Traces and the broker need the packages of extras.
IMPORT_ALL = """
import importlib, pkgutil, gateway
for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
    if not module.name.endswith(("__main__", "observing.tracing", "broker.nats")):
        importlib.import_module(module.name)
        print(module.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*build, "--directory", str(folder)], cwd=dev.ROOT, check=True, stdout=subprocess.DEVNULL
    )
    (made,) = folder.glob("lineage_gateway-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of an empty venv into which the wheel was installed."""
    if not UV.exists():
        pytest.skip("uv has no package for this machine, and pip would take minutes")
    venv = tmp_path_factory.mktemp("installed") / "venv"
    environment = dev.uv_environment((sys.executable, "-m", "pip"))
    make: dev.Command = [UV, "venv", "--quiet", "--python", sys.executable, venv]
    subprocess.run(make, env=environment, check=True)

    install: dev.Command = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        venv,
        "--constraint",
        dev.LOCK,
        wheel,
    ]
    # dev.py has filled uv's cache as a rule; the index is asked only where it has not.
    offline = subprocess.run([*install, "--offline"], env=environment, capture_output=True)
    if offline.returncode:
        subprocess.run(install, env=environment, check=True)
    return venv / "bin"


def files_under(folder: str) -> Iterator[str]:
    for path in Path(dev.ROOT, folder).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(dev.ROOT).as_posix()


def test_carries_code_assets_and_migrations_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    migrations = {f"gateway/_{name}" for name in files_under("migrations")}
    assert names == {*files_under("gateway"), *migrations}


def test_imports_with_the_runtime_dependencies_alone(installed: Path, tmp_path: Path) -> None:
    command: dev.Command = [installed / "python", "-I", "-c", IMPORT_ALL]

    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert answer.returncode == 0, answer.stderr
    assert {"gateway.cli", "gateway.documents.tables"} <= set(answer.stdout.split())


def test_brings_the_gateway_command(installed: Path, tmp_path: Path) -> None:
    command: dev.Command = [installed / "gateway", "--help"]

    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert answer.returncode == 0, answer.stderr

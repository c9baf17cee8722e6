"""dev.py starts from nothing, from any folder, and hands over completely."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

import dev
from gateway.cli import COMMANDS

BARE = {"PATH": "/usr/bin:/bin"}
needs_venv = pytest.mark.skipif(
    not dev.is_prepared(dev.stamp()), reason="would make .venv; run `python3 dev.py test`"
)


def run(script: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, cwd=folder, env=BARE, capture_output=True, text=True)


def test_lists_its_tasks_before_there_is_a_venv(tmp_path: Path) -> None:
    shutil.copy(dev.ROOT / "dev.py", tmp_path)

    answer = run(tmp_path / "dev.py", folder=tmp_path)

    assert answer.returncode == 0
    for task in ["serve", "test", "check", "bench", "migrate", "schema", "shell", "lock"]:
        assert f"\n  {task} " in answer.stdout
    assert [each for each in COMMANDS if each not in answer.stdout] == []
    assert not (tmp_path / ".venv").exists()


@needs_venv
def test_passes_on_exit_code_arguments_and_folder(tmp_path: Path) -> None:
    script = 'echo "$1 $(pwd)"; exit 7'

    answer = run(dev.ROOT / "dev.py", "shell", "sh", "-c", script, "-", "a  b", folder=tmp_path)

    assert (answer.returncode, answer.stdout) == (7, f"a  b {tmp_path}\n")


@needs_venv
def test_puts_the_venv_first_on_the_path(tmp_path: Path) -> None:
    answer = run(dev.ROOT / "dev.py", "shell", "which", "python", "gateway", folder=tmp_path)

    assert answer.stdout == f"{dev.BIN}/python\n{dev.BIN}/gateway\n"


@needs_venv
def test_says_which_program_is_missing(tmp_path: Path) -> None:
    answer = run(dev.ROOT / "dev.py", "shell", "no-such-program", folder=tmp_path)

    assert (answer.returncode, answer.stderr) == (1, "dev.py: there is no no-such-program\n")


def test_check_says_which_parts_there_are() -> None:
    with pytest.raises(
        SystemExit, match="no speling; there is format, lint, types, layers, schema"
    ):
        dev.check(["lint", "speling"])


@pytest.mark.parametrize(
    ("file", "change", "makes_anew"),
    [
        ("requirements.lock", lambda text: text.replace("pytest==", "pytest==1"), True),
        (
            "pyproject.toml",
            lambda text: text.replace("gateway.cli:main", "gateway.cli:other"),
            True,
        ),
        (
            "pyproject.toml",
            lambda text: text.replace("line-length = 100", "line-length = 90"),
            False,
        ),
    ],
    ids=["lock", "project", "lint rule"],
)
def test_makes_the_venv_anew_for(
    file: str, change: Callable[[str], str], makes_anew: bool, tmp_path: Path
) -> None:
    def stamp() -> str:
        code = "import sys; sys.path.insert(0, '.'); import dev; print(dev.stamp())"
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, cwd=tmp_path, stdout=subprocess.PIPE, check=True
        ).stdout.decode()

    for name in ["dev.py", "requirements.lock", "pyproject.toml"]:
        shutil.copy(dev.ROOT / name, tmp_path)
    before = stamp()

    changed = tmp_path / file
    changed.write_text(change(changed.read_text()))

    assert (stamp() != before) is makes_anew


@pytest.fixture
def pip_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a configuration file that is all pip and uv know of this machine."""
    for name in ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"]:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = file:///mirror/of/the/house\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    return file


@pytest.mark.skipif(find_spec("pip") is None, reason="this venv was made without pip")
class TestIndex:
    """uv uses the index that the machine's owner gave to pip."""

    PIP = (sys.executable, "-m", "pip")

    @pytest.fixture(autouse=True)
    def _set_up(self, pip_set_up: Path) -> None:
        """Each of these starts from the same configuration."""

    def index(self) -> str | None:
        return dev.uv_environment(self.PIP).get("UV_DEFAULT_INDEX")

    def test_of_pips_file(self) -> None:
        assert self.index() == "file:///mirror/of/the/house"

    def test_a_variable_wins_over_the_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIP_INDEX_URL", "file:///mirror/of/the/moment")

        assert self.index() == "file:///mirror/of/the/moment"

    def test_uvs_own_variable_wins_over_pip(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("UV_DEFAULT_INDEX", "file:///mirror/of/uv")

        assert self.index() == "file:///mirror/of/uv"

    def test_none_where_pip_has_none(self, pip_set_up: Path) -> None:
        pip_set_up.write_text("")

        assert self.index() is None

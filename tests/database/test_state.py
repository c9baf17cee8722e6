import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.database.state import CannotStart, StateInUse, open_state

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from gateway.database.state import open_state
with open_state(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_makes_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    with open_state(tmp_path / "new" / "state") as state:
        assert state.path == tmp_path / "new" / "state"
        assert mode_of(state.path) == 0o700


def test_a_secret_stays_and_is_the_owners_alone(tmp_path: Path) -> None:
    with open_state(tmp_path) as state:
        secret = state.secret("key")
        other = state.secret("other")
    with open_state(tmp_path) as state:
        assert state.secret("key") == secret != other

    assert len(secret) >= 43  # 256 bits, six a character
    assert mode_of(tmp_path / "key") == 0o600


def test_a_text_is_replaced_and_stays_private(tmp_path: Path) -> None:
    with open_state(tmp_path) as state:
        assert state.read("note") is None
        state.write("note", "first")
        (state.path / "note.new").write_text("left behind by a crash")
        state.write("note", "zweiter ü")

        assert state.read("note") == "zweiter ü"

    assert mode_of(tmp_path / "note") == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway.lock", "note"]


def test_a_second_gateway_is_refused_until_the_first_ends_even_by_kill(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(StateInUse) as raised, open_state(tmp_path):
            pass
        first.kill()

    assert str(tmp_path) in str(raised.value)
    assert f"process id {first.pid}" in str(raised.value)
    assert "--state" in str(raised.value)
    with open_state(tmp_path):
        pass


def test_one_process_cannot_have_a_folder_twice(tmp_path: Path) -> None:
    (tmp_path / "gateway.lock").write_text("4" * 20)  # of the one before
    with open_state(tmp_path):
        with pytest.raises(StateInUse, match=rf"process id {os.getpid()}\)"), open_state(tmp_path):
            pass
        with pytest.raises(StateInUse), open_state(tmp_path / "x" / ".."):
            pass


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    reason = r"the state folder .*/file cannot be used.*--state"
    with pytest.raises(CannotStart, match=reason), open_state(file):
        pass

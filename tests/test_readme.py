"""The README is run: its requests are sent, its answers compared, its tables held to the code.

So are those that stand in docs/ for all who begin.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest

import dev
from gateway.cli import COMMANDS
from gateway.enums import Permission
from gateway.settings import PREFIX, Settings

README = (dev.ROOT / "README.md").read_text()
CLIENTS = (dev.ROOT / "docs" / "clients.md").read_text()
SETTINGS = (dev.ROOT / "docs" / "settings.md").read_text()
SHOWN_ADDRESS = "http://127.0.0.1:8000"
END_OF_BLOCK = "--- end of block ---"


class Block(NamedTuple):
    language: str
    text: str


def section(title: str, of: str = README) -> str:
    """Return the text below a heading, up to the next."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", of, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title!r}"
    return found[1]


def blocks(text: str) -> list[Block]:
    return [Block(*each) for each in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)]


def table(text: str) -> list[list[str]]:
    """Return the cells of a section's table, without its heading."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which `gateway` is this checkout's."""
    programs = folder / "bin"
    programs.mkdir()
    script = programs / "gateway"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m gateway "$@"\n')
    script.chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(dev.ROOT)}


@contextmanager
def serving(command: str, folder: Path, variables: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Run a `gateway serve` on a free port; give what its ready file says."""
    ready = folder / "ready.json"
    words = [*command.split(), "--port", "0", "--ready-file", str(ready)]
    with subprocess.Popen(words, cwd=folder, env=variables, stdout=subprocess.DEVNULL) as process:
        while not ready.exists():
            assert process.poll() is None, f"{command} has ended"
            time.sleep(0.05)
        yield json.loads(ready.read_text())
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def as_shown(answer: str) -> str:
    """Return an answer with the parts that differ each time as the README shows them."""
    answer = re.sub(r"http://[^\"]*/blobs/[^\"]*", f"{SHOWN_ADDRESS}/blobs/…", answer)
    return re.sub(r"\b([a-z]+)_[0-9a-z]{26}\b", r"\1_…", answer)


def values(text: str) -> list[Any]:
    """Return the JSON values that stand in a text one after the other."""
    decoder, found, text = json.JSONDecoder(), [], text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


@pytest.fixture
def session(state_folder: Path) -> list[str]:
    """What each shell block of the first session answers, when they are pasted one by one."""
    folder = state_folder.parent
    variables = environment(folder)
    with serving("gateway serve", folder, variables) as ready:
        pasted = [
            f"{each.text}\necho '{END_OF_BLOCK}'\n"
            for each in blocks(section("A first session"))
            if each.language == "sh"
        ]
        script = "".join(pasted).replace(SHOWN_ADDRESS, ready["graphql"].removesuffix("/graphql"))
        ended = subprocess.run(
            ["/bin/bash", "-euc", script],
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout.split(f"{END_OF_BLOCK}\n")[:-1]


def test_first_session_answers_what_is_shown(session: list[str]) -> None:
    (answers, shown) = (iter(session), [])
    for each in blocks(section("A first session")):
        if each.language == "sh":
            answer = as_shown(next(answers))
        elif each.language == "json":
            shown.append(values(each.text))
            assert values(answer) == shown[-1]
        else:
            assert answer == each.text
    assert len(shown) > 5


def test_production_works_as_pasted(fresh_database_url: str, state_folder: Path) -> None:
    folder = state_folder.parent
    (block,) = blocks(section("Production"))
    text = re.sub(r"postgresql://\S+", fresh_database_url, block.text)
    text = text.replace("/var/lib/gateway", str(state_folder))
    export, *commands, serve = text.strip().splitlines()
    variables = environment(folder)
    variables |= dict(each.split("=", 1) for each in export.removeprefix("export ").split())

    ended = subprocess.run(
        ["/bin/bash", "-euc", "\n".join(commands)], env=variables, capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stderr
    (secret,) = re.findall(r"\bsk_\S+", ended.stdout)
    with serving(serve, folder, variables) as ready:
        headers = {"Authorization": f"Bearer {secret}", "X-Namespace": "production"}
        query = json.dumps({"query": "{ viewer { namespace { namespaceName } } }"}).encode()
        request = Request(  # noqa: S310 - the address of our own gateway
            ready["graphql"], query, headers | {"Content-Type": "application/json"}
        )
        with urlopen(request) as response:  # noqa: S310
            answer = json.load(response)
    assert answer == {"data": {"viewer": {"namespace": {"namespaceName": "production"}}}}


def test_lists_every_setting_with_its_default() -> None:
    expected = [
        [
            f"`{PREFIX}{each.name.upper()}`",
            f"`{each.default}`".lower() if each.default != "" else "empty",
            each.metadata["description"],
        ]
        for each in dataclasses.fields(Settings)
    ]

    assert table(SETTINGS) == expected


def test_lists_every_permission() -> None:
    expected = [[f"`{each}`", each.description] for each in Permission]

    assert table(section("Permissions", CLIENTS)) == expected


def test_lists_every_command() -> None:
    expected = [[f"`{name}`", description] for name, description in COMMANDS.items()]

    assert table(section("Command line")) == expected


def test_names_only_tasks_commands_and_options_that_exist() -> None:
    called = re.findall(r"python3 dev\.py ([a-z]+)", README)

    assert called
    assert set(called) <= {*dev.TASKS, *COMMANDS}


@pytest.mark.parametrize("text", [README, CLIENTS, SETTINGS], ids=["README", "clients", "settings"])
def test_names_only_files_that_exist(text: str) -> None:
    named = re.findall(r"`((?:gateway|tests|docs)/[\w/.]*|[\w.]+\.(?:md|graphql|py|lock))`", text)

    assert named
    assert [each for each in named if not Path(dev.ROOT, each).exists()] == []


# gateway/planner/README.md


def test_planner_shows_a_case_as_it_is() -> None:
    text = (dev.ROOT / "gateway/planner/README.md").read_text()
    case = dev.ROOT / re.findall(r"`(tests/planner/cases/\w+\.graphql)`", text)[0]

    shown = {each.language: each.text for each in blocks(text)}

    assert shown["graphql"] in case.read_text()
    # Broken into lines for people.
    assert re.sub(r"\s", "", shown["sql"]) == re.sub(
        r"\s", "", case.with_suffix(".sql").read_text()
    )


def test_planner_names_only_files_that_exist() -> None:
    text = (dev.ROOT / "gateway/planner/README.md").read_text()

    named = set(re.findall(r"`(\w+\.py)`", text))

    assert named <= {path.name for path in Path(dev.ROOT, "gateway/planner").rglob("*.py")}

#!/usr/bin/env python3
"""Everything one does with a checkout, on a machine with only Python: ``python3 dev.py serve``.

The first call makes ``.venv`` and installs ``requirements.lock`` into it, from whatever index pip
and uv are set up to use on this machine; later calls go straight on. Standard library only.
"""

import ast
import hashlib
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

if sys.version_info < (3, 11):  # noqa: UP036  # whoever has an older one reads this line
    sys.exit(f"dev.py needs Python 3.11 or newer; this is {sys.version.split()[0]}")

Command = Sequence[str | Path]

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "prepared"

# -P: a file that lies in the caller's folder must not stand in for a module.
GATEWAY: Command = [PYTHON, "-P", "-m", "gateway"]
CHECKS: dict[str, Command] = {
    "format": [BIN / "ruff", "format", "--check", "."],
    "lint": [BIN / "ruff", "check", "."],
    "types": [BIN / "mypy"],
    "layers": [BIN / "lint-imports", "--no-logo"],
    "schema": [*GATEWAY, "schema", "--check"],
}

USAGE = """\
python3 dev.py TASK [ARGUMENT ...]

{tasks}

Any other task is a command of the gateway, with its arguments:
  serve    Start the gateway; without settings on a private PostgreSQL and a folder.
  migrate  Bring the tables of a database up to date.
  demo, import, watch, namespaces, keys, audit: README.md tells of them.
  --help   (as in `dev.py serve --help`) lists what a command takes."""


def main(arguments: list[str]) -> None:
    """Prepare ``.venv`` if need be and hand over to the task that is named first."""
    if not arguments or arguments[0] in ("-h", "--help"):
        tasks = "\n".join(f"  {name:<8} {task.__doc__}" for name, task in TASKS.items())
        print(USAGE.format(tasks=tasks))
        return
    name, rest = arguments[0], arguments[1:]
    try:
        prepare()
    except subprocess.CalledProcessError as error:
        sys.exit(f"dev.py: .venv could not be made; this failed: {shlex.join(error.cmd)}")
    except OSError as error:
        sys.exit(f"dev.py: .venv could not be made: {error}")
    if name in TASKS:
        TASKS[name](rest)
    else:
        become([*GATEWAY, *arguments])


# The tasks; the first line of each is its line in the usage.


def test(arguments: list[str]) -> NoReturn:
    """Run the tests; arguments go to pytest, paths count from the checkout."""
    become([PYTHON, "-m", "pytest", *arguments], folder=ROOT)


def check(arguments: list[str]) -> None:
    """Run all that CI asks of the code besides tests, or only the parts named."""
    unknown = [name for name in arguments if name not in CHECKS]
    if unknown:
        sys.exit(f"dev.py check: no {', '.join(unknown)}; there is {', '.join(CHECKS)}")
    failed = []
    for name in arguments or CHECKS:
        say(f"check {name}")
        if subprocess.run(CHECKS[name], cwd=ROOT, env=inside()).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"dev.py: check failed in {', '.join(failed)}")


def bench(arguments: list[str]) -> NoReturn:
    """Measure; arguments go to bench/."""
    become([PYTHON, "-m", "bench", *arguments], folder=ROOT)


def schema(arguments: list[str]) -> NoReturn:
    """Write schema.graphql from the code; --check only compares."""
    become([*GATEWAY, "schema", *arguments], folder=ROOT)


def shell(arguments: list[str]) -> NoReturn:
    """Open a shell inside .venv, or run the command given there."""
    if arguments:
        become(arguments)
    program = os.environ.get("SHELL", "/bin/sh")
    if Path(program).name != "bash":
        become([program])
    # What ~/.bashrc puts on PATH would come before .venv, so it is read first.
    rc = VENV / "bashrc"
    rc.write_text(f"[ -f ~/.bashrc ] && . ~/.bashrc\n. {shlex.quote(str(BIN / 'activate'))}\n")
    become([program, "--rcfile", rc, "-i"])


def lock(arguments: list[str]) -> NoReturn:
    """Write requirements.lock from pyproject.toml; --upgrade raises all versions."""
    # --universal: one file for every Python from 3.11 on and every platform with packages.
    what = "--universal --python-version 3.11 --group dev --generate-hashes --quiet"
    # Hosts stay out: the lock is installed from whatever index a machine has.
    hosts = "--no-emit-index-url --no-emit-find-links"
    os.environ.update(uv_environment(), UV_CUSTOM_COMPILE_COMMAND="python3 dev.py lock")
    files = ["--output-file", LOCK.name, "pyproject.toml"]
    uv: Command = [BIN / "uv", "pip", "compile", *what.split(), *hosts.split()]
    become([*uv, *arguments, *files], folder=ROOT)


TASKS: dict[str, Callable[[list[str]], None]] = {
    "test": test,
    "check": check,
    "bench": bench,
    "schema": schema,
    "shell": shell,
    "lock": lock,
}


def become(command: Command, folder: Path | None = None) -> NoReturn:
    """Turn this process into ``command``, so that signals and the exit code are its own."""
    if folder:
        os.chdir(folder)
    try:
        os.execvpe(command[0], [str(part) for part in command], inside())
    except FileNotFoundError:
        sys.exit(f"dev.py: there is no {command[0]}")


def inside() -> dict[str, str]:
    """Return the environment that a shell has once ``.venv`` is activated."""
    path = os.environ.get("PATH", os.defpath)
    return os.environ | {"VIRTUAL_ENV": str(VENV), "PATH": f"{BIN}{os.pathsep}{path}"}


def say(message: str) -> None:
    """Tell a person what goes on; standard output belongs to the task."""
    print(f"dev.py: {message}", file=sys.stderr, flush=True)


# .venv


def prepare() -> None:
    """Make ``.venv`` hold what the lock and the project say, unless it does already."""
    wanted = stamp()
    if is_prepared(wanted):
        return
    with alone():
        if is_prepared(wanted):
            return
        say("making .venv from requirements.lock; this takes a moment, once")
        started = time.monotonic()
        STAMP.unlink(missing_ok=True)
        install(make_venv())
        STAMP.write_text(wanted)
        say(f".venv is ready after {time.monotonic() - started:.0f} s")


def stamp() -> str:
    """Return a digest of all that decides what ``.venv`` holds.

    Of pyproject.toml that is only [project]: a changed lint rule must not take ``.venv`` from under
    a gateway that runs. The folder counts, because the scripts in ``.venv`` name it.
    """
    import tomllib  # only here: the line about the version has to come before

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    made_of = [LOCK.read_text(), repr(project), sys.version, str(VENV)]
    return hashlib.sha256("\0".join(made_of).encode()).hexdigest()


def is_prepared(wanted: str) -> bool:
    """Tell whether ``.venv`` was finished for that stamp, and its Python has not gone since."""
    return STAMP.is_file() and STAMP.read_text() == wanted and PYTHON.exists()


@contextmanager
def alone() -> Iterator[None]:
    """Hold the checkout's folder locked; a second dev.py waits for the first."""
    import fcntl  # only here: Windows, which lacks it, can still read the usage

    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another dev.py, which is making .venv")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def make_venv() -> list[str]:
    """Make ``.venv`` anew and return the command that is pip for it."""
    venv = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if find_spec("ensurepip"):
        run(venv)
        return [str(PYTHON), "-m", "pip"]
    if find_spec("pip"):  # Debian without python3-venv
        run([*venv, "--without-pip"])
        return [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    sys.exit(
        "dev.py: this Python has neither ensurepip nor pip; on Debian: apt-get install python3-venv"
    )


def install(pip: list[str]) -> None:
    """Install the lock and the checkout itself; by uv, which takes seconds, or else by pip.

    The checkout goes in as a .pth file and a console script. The hatchling of the lock makes them:
    an isolated build would fetch one that nobody pinned.
    """
    uv_lines, other_lines = split_lock(LOCK.read_text())
    uv_file, others_file = VENV / "uv.txt", VENV / "others.txt"
    uv_file.write_text(uv_lines)
    others_file.write_text(other_lines)
    locked = ["install", "--quiet", "--require-hashes", "--requirement"]
    checkout = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    try:
        run([*pip, *locked, str(uv_file), "--only-binary", ":all:"])
        uv = [str(BIN / "uv"), "pip"]
        into = ["--python", str(PYTHON)]
        run([*uv, *locked, str(others_file), *into], uv_environment(pip))
        run([*uv, *checkout, *into], uv_environment(pip))
    except subprocess.CalledProcessError:
        say("uv does not work here; pip takes its place, which takes longer")
        run([*pip, *locked, str(others_file)])
        run([*pip, *checkout])


def split_lock(text: str) -> tuple[str, str]:
    """Return the lines of a lock that pin uv, and all the others."""
    match = re.search(r"^uv==(?:.*\\\n)+.*\n", text, re.MULTILINE)
    if not match:
        sys.exit(f"dev.py: {LOCK.name} does not pin uv")
    return match[0], text[: match.start()] + text[match.end() :]


def uv_environment(pip: Command = (PYTHON, "-m", "pip")) -> dict[str, str]:
    """Return the environment for uv, with what it would not see of the machine's own set-up.

    uv does not read pip's configuration, so an index set there is handed on; and without being
    told it does not trust the certificates that the system does.
    """
    environment = {"UV_SYSTEM_CERTS": "true"} | os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    index = index_of_pip(pip)
    if index and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & os.environ.keys():
        environment["UV_DEFAULT_INDEX"] = index
    return environment


def index_of_pip(pip: Command) -> str | None:
    """Return the index that pip's files and variables on this machine name, if any does."""
    listing = subprocess.run([*pip, "config", "list"], capture_output=True, text=True).stdout
    settings = dict(line.split("=", 1) for line in listing.splitlines() if "=" in line)
    for section in (":env:", "install", "global"):  # the first wins, as it does in pip
        if f"{section}.index-url" in settings:
            return str(ast.literal_eval(settings[f"{section}.index-url"]))
    return None


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run a step of the installation; what it prints goes to standard error."""
    environment = (environment or dict(os.environ)) | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)

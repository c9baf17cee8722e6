"""PostGraphile's packages, in a folder of their own that npm fills."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

POSTGRAPHILE = "5.1.5"
NODE = "22.23.3"  # PostGraphile asks for 22 or newer, which a machine may not have


class Packages(NamedTuple):
    """Where they are, and the Node that runs them."""

    folder: Path
    node: Path
    node_version: str

    def __str__(self) -> str:
        """Return what has to be known to compare two runs."""
        return f"Node {self.node_version}"


class Absent(NamedTuple):
    """That they are not to be had, and why."""

    reason: str

    def __str__(self) -> str:
        """Return what has to be known to compare two runs."""
        return f"left out, {self.reason}"


def install(folder: Path) -> Packages | Absent:
    """Install into a folder, unless they are there already."""
    made_by = folder / f"postgraphile-{POSTGRAPHILE}-node-{NODE}"
    if not made_by.exists():
        npm = shutil.which("npm")
        if npm is None:
            return Absent("there is no npm")
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [f"postgraphile@{POSTGRAPHILE}", f"node@{NODE}"]
        command = [npm, "install", "--no-audit", "--no-fund", "--loglevel", "error", *wanted]
        # With --prefix the folder counts, and not the nearest one above with a package.json.
        command += ["--prefix", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return Absent(f"npm install failed: {done.stderr.strip()[-500:]}")
        made_by.touch()
    # A platform for which there is no such Node has to do with its own.
    places = os.pathsep.join([str(folder / "node_modules" / ".bin"), os.environ.get("PATH", "")])
    node = shutil.which("node", path=places)
    if node is None:
        return Absent("there is no Node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return Packages(folder, Path(node), version.stdout.strip())

"""The packages of npm's graphql-ws, in a folder of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PACKAGES = ("graphql-ws@6.4.2", "ws@8.23.0", "graphql@16.15.0")


def install(folder: Path) -> str | None:
    """Install into a folder, unless they are there already; return why they are not, or None."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "there is no Node with npm"
    made_by = folder / "-".join(each.replace("@", "-") for each in PACKAGES)
    if made_by.exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel", "error", *PACKAGES]
    # With --prefix the folder counts, and not the nearest one above with a package.json.
    command += ["--prefix", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return f"npm install failed: {done.stderr.strip()[-500:]}"
    made_by.touch()
    return None

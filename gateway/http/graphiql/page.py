"""The page as one text: what is written beside it stands in it."""

from __future__ import annotations

import re
from importlib.resources import files

_SCRIPT = re.compile(r'<script src="(\w+\.js)">')
_STYLE = re.compile(r'<link rel="stylesheet" href="(\w+\.css)" />')


def read_page() -> str:
    """Return the HTML, with the files of this folder that it names in their places."""
    folder = files(__package__)

    def text_of(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    html = _SCRIPT.sub(lambda found: f"<script>\n{text_of(found[1])}", text_of("page.html"))
    return _STYLE.sub(lambda found: f"<style>\n{text_of(found[1])}</style>", html)

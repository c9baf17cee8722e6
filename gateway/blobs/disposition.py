"""How a browser is told the name to save bytes under."""

from __future__ import annotations

from urllib.parse import quote


def attachment(filename: str) -> str:
    """Return a Content-Disposition: the name for every browser in ASCII, and whole by RFC 5987."""
    ascii_name = "".join(
        each if each.isascii() and each.isprintable() and each not in '"\\%' else "_"
        for each in filename
    )
    whole = quote(filename, safe="")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{whole}"

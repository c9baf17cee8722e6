"""What a server says of its answer, before the first byte of it."""

from __future__ import annotations

from email.message import Message

from aiohttp import ClientResponse


class UnfitAnswer(Exception):
    """An answer that is not kept; the message is for the caller."""


def check_headers(response: ClientResponse, *, most_bytes: int) -> None:
    """Return if the answer is whole, plain and not too large.

    Raises:
        UnfitAnswer: It is not.
    """
    if response.status != 200:
        raise UnfitAnswer(f"the server answered {response.status} instead of 200")
    for header, plain in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
        if response.headers.get(header, plain).strip().lower() != plain:
            raise UnfitAnswer(
                "the server sends it compressed, though it was asked not to: what a few bytes"
                " unpack to has no bounds"
            )
    size_bytes = declared_size(response)
    if size_bytes is not None and size_bytes > most_bytes:
        raise UnfitAnswer(f"it has {size_bytes} bytes; the most is {most_bytes}")


def declared_size(response: ClientResponse) -> int | None:
    """Return the size that the server declares, if it does."""
    return response.content_length


def filename_of(response: ClientResponse) -> str | None:
    """Return the name that the server gives the file (RFC 6266), without what leads to it."""
    header = response.headers.get("Content-Disposition")
    if header is None:
        return None
    message = Message()
    message["Content-Disposition"] = header
    name = message.get_filename()
    return None if name is None else name.replace("\\", "/").rpartition("/")[2] or None

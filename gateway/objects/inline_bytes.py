"""Bytes inside a request: base64 and data URIs, measured before they are decoded."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from gateway.checks import check_text
from gateway.errors import InvalidInput, TooLarge
from gateway.objects.mime_types import check_mime_type

_LINE_BREAKS_AND_BLANKS = b" \t\r\n"
_BASE64_MARK = re.compile(r"[ ]*;[ ]*base64[ ]*", re.IGNORECASE)
_HALF_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class DataUri(NamedTuple):
    """What a data URI says; ``mime_type`` is None where it is left out."""

    mime_type: str | None
    data: bytes


def is_data_uri(text: str) -> bool:
    """Tell whether the text begins as a data URI does."""
    return text[:5].lower() == "data:"


def decode_base64(text: str, path: Sequence[str], *, limit_bytes: int) -> bytes:
    """Return the bytes of padded base64 in the standard alphabet (RFC 4648, section 4).

    Line breaks and blanks are passed over, since tools that write base64 fold its lines.

    Raises:
        InvalidInput: It is truncated, or something else.
        TooLarge: Over ``limit_bytes`` once decoded.
    """
    try:
        encoded = text.encode("ascii")
    except UnicodeEncodeError as error:
        raise _not_base64(path) from error
    characters = len(encoded) - sum(encoded.count(each) for each in _LINE_BREAKS_AND_BLANKS)
    padding = encoded[-4:].count(b"=")
    _check_size(characters * 3 // 4 - padding, path, limit_bytes=limit_bytes)
    if characters % 4:
        raise InvalidInput(
            f"this is not whole: base64 comes in groups of 4 characters, and this has {characters};"
            " send all of it, with its = padding",
            path,
        )
    if characters != len(encoded):
        encoded = encoded.translate(None, _LINE_BREAKS_AND_BLANKS)
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error as error:
        raise _not_base64(path) from error


def decode_data_uri(uri: str, path: Sequence[str], *, limit_bytes: int) -> DataUri:
    """Return what a data URI holds (RFC 2397).

    Raises:
        InvalidInput: It has no comma, a bad media type or a bad encoding.
        TooLarge: Over ``limit_bytes`` once decoded, or a media type that is too long.
    """
    check_text(uri, path)
    head, comma, body = uri[len("data:") :].partition(",")
    if not comma:
        raise InvalidInput(
            "this data URI has no comma before its data; a whole one begins as"
            " data:image/png;base64, does",
            path,
        )
    if _HALF_ESCAPE.search(uri):
        raise InvalidInput("a % in a data URI has to be written %25", path)
    if "#" in body:
        raise InvalidInput("a # in a data URI has to be written %23", path)

    media, mark = _split_mark(head)
    if mark:
        text = unquote(body, "latin-1") if "%" in body else body
        return DataUri(_media_type(media, path), decode_base64(text, path, limit_bytes=limit_bytes))
    _check_size(len(body.encode()) - 2 * body.count("%"), path, limit_bytes=limit_bytes)
    return DataUri(_media_type(media, path), unquote_to_bytes(body))


def _split_mark(head: str) -> tuple[str, bool]:
    media, _, last = head.rpartition(";")
    if _BASE64_MARK.fullmatch(f";{last}"):
        return media, True
    return head, False


def _media_type(text: str, path: Sequence[str]) -> str | None:
    text = unquote(text).strip()
    if not text:
        return None
    if text.startswith(";"):  # parameters alone are those of plain text
        text = f"text/plain{text}"
    return check_mime_type(text, path)


def _check_size(size_bytes: int, path: Sequence[str], *, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise TooLarge(
            f"the data has {size_bytes} bytes; the most inside a request is {limit_bytes}", path
        )


def _not_base64(path: Sequence[str]) -> InvalidInput:
    return InvalidInput(
        "this is not base64; it is written with A-Z, a-z, 0-9, + and /, and = only at its end", path
    )

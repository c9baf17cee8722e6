"""Media types: which text is one, which fit a type of blob, and a guess where none is told."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from typing import Any

from gateway.enums import FieldType
from gateway.errors import InvalidInput, TooLarge
from gateway.wording import kind_of

UNKNOWN = "application/octet-stream"
MOST_CHARACTERS = 255

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME = r"[0-9A-Za-z][0-9A-Za-z!#$&^_.+-]{0,126}"
_MIME_TYPE = re.compile(
    rf'({_NAME}/{_NAME})((?:[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|"[^"\\\x00-\x1f\x7f-\U0010ffff]*"))*)'
)

# What a declared type has to begin with; types of blob that are not here take any.
_FITTING = {
    FieldType.IMAGE: ("image/",),
    FieldType.AUDIO: ("audio/", "application/ogg", "video/mp4", "video/ogg", "video/webm"),
    FieldType.VIDEO: (
        "video/",
        "application/mp4",
        "application/mxf",
        "application/ogg",
        "application/vnd.apple.mpegurl",
        "application/x-mpegurl",
    ),
    FieldType.PDF: ("application/pdf", "application/x-pdf"),
}

_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"%PDF-"), "application/pdf"),
)

# Without files: the machine's own lists would make the same upload differ from host to host.
_BY_EXTENSION = mimetypes.MimeTypes()


def check_mime_type(value: Any, path: Sequence[str]) -> str:
    """Check that ``value`` is a media type, as in ``text/csv; charset=utf-8``.

    Returns it with its name in lower case.

    Raises:
        InvalidInput: It is not.
        TooLarge: It has over ``MOST_CHARACTERS`` characters.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"the media type is {kind_of(value)}; it has to be a string", path)
    if len(value) > MOST_CHARACTERS:
        raise TooLarge(
            f"the media type has {len(value)} characters; the most is {MOST_CHARACTERS}", path
        )
    match = _MIME_TYPE.fullmatch(value.strip(" \t"))
    if match is None:
        raise InvalidInput("this is no media type; one looks like image/png", path)
    return match[1].lower() + match[2]


def check_fits(mime_type: str, field_type: FieldType, path: Sequence[str]) -> None:
    """Return if a blob of ``field_type`` can be of ``mime_type``.

    Raises:
        InvalidInput: It contradicts the type, as text/html does for an IMAGE.
    """
    if not _fits(mime_type, field_type):
        raise InvalidInput(
            f"the media type {mime_type} does not fit the type {field_type}; what fits begins with"
            f" {' or '.join(_FITTING[field_type])}, or is {UNKNOWN}",
            path,
        )


def guess(data: bytes, *, filename: str | None, field_type: FieldType) -> str:
    """Return the media type that the name's extension tells, else the first bytes, else UNKNOWN."""
    if filename is not None:
        by_name, packed = _BY_EXTENSION.guess_type(filename, strict=False)
        if by_name is not None and packed is None and _fits(by_name, field_type):
            return by_name
    for signature, mime_type in _SIGNATURES:
        if signature.match(data):
            return mime_type
    return UNKNOWN


def _fits(mime_type: str, field_type: FieldType) -> bool:
    fitting = _FITTING.get(field_type)
    return fitting is None or mime_type.startswith((*fitting, UNKNOWN))

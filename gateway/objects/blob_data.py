"""Reads the ``data`` of a blob: bytes, text, structured data, or a URL of bytes elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from gateway.checks import check_json, check_text
from gateway.enums import FieldType
from gateway.errors import InvalidInput, TooLarge
from gateway.objects.canonical_json import canonical_json
from gateway.objects.filenames import check_filename, usable_filename
from gateway.objects.inline_bytes import DataUri, decode_base64, decode_data_uri, is_data_uri
from gateway.objects.mime_types import UNKNOWN, check_fits, check_mime_type, guess
from gateway.wording import kind_of

_TEXT = {FieldType.TEXT, FieldType.STRING}
_BYTES = {
    FieldType.IMAGE,
    FieldType.AUDIO,
    FieldType.VIDEO,
    FieldType.PDF,
    FieldType.EXCEL,
    FieldType.BINARY,
}
_ROOT = ("data",)
_URL_KEYS = ("url", "filename")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH = re.compile(r"[^:]+://[^/?#]*([^?#]*)")
_HOW_BYTES_ARE_SENT = (
    'bytes are sent as base64 ({"base64": "…"}) or as a data URI ("data:image/png;base64,…")'
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where bytes are that a request names and does not bring.

    Args:
        path: Where the URL stands in the blob.
        filename, mime_type: As the sender declares them.
    """

    url: str
    path: tuple[str, ...]
    filename: str | None = None
    mime_type: str | None = None

    @property
    def scheme(self) -> str:
        """The URL's scheme, in lower case."""
        return self.url.partition("://")[0].lower()


@dataclass(slots=True)
class BlobContent:
    """What a blob holds.

    Args:
        data: The bytes for the store; None if they are there already or stay elsewhere, and for
            structured data, which is in ``properties`` whole.
        mime_type, size_bytes, hash: None if it is not known, as of bytes that stay elsewhere.
        hash: SHA-256 of the bytes, or of the structured data's canonical JSON, as lower-case hex.
        source: From where the bytes come, or where they stay.
        key: Under which key the store has the bytes already.
        is_held: Whether something names the content, and goes on to until the transaction ends.
    """

    data: bytes | None = field(repr=False)
    properties: dict[str, Any]
    filename: str | None
    mime_type: str | None
    size_bytes: int | None
    hash: str | None
    source: Source | None = None
    key: str | None = None
    is_held: bool = False

    @property
    def has_bytes(self) -> bool:
        """Tell whether the store has the bytes, or gets them."""
        return self.data is not None or self.key is not None or self.is_held


def read(
    data: Any, field_type: FieldType, *, limit_bytes: int, may_be_elsewhere: bool = False
) -> BlobContent:
    """Return what the ``data`` of a blob means.

    In this order: an object with ``base64``, with ``url`` or with a URL as ``filename`` names
    bytes, and its other keys are properties; a string is a URI, or text, as the type says; anything
    else is structured data.

    Args:
        data: As JSON has it.
        field_type: The type of the blob.
        limit_bytes: Size of the decoded bytes, or of the structured data, at most.
        may_be_elsewhere: Whether a URL may name bytes that are not in the request; the content then
            has a ``source``, which is not looked at here.

    Raises:
        InvalidInput: It cannot be read; its path begins with ``data``.
        TooLarge: Over ``limit_bytes``, or too long a name.
    """
    if isinstance(data, dict) and (sources := _sources(data)):
        return _read_object(
            data, sources, field_type, limit_bytes=limit_bytes, may_be_elsewhere=may_be_elsewhere
        )
    if isinstance(data, str) and field_type in _TEXT:
        return _read_text(data, limit_bytes=limit_bytes)
    if isinstance(data, str) and field_type in _BYTES:
        if may_be_elsewhere and _is_url(data):
            return _elsewhere(Source(data, _ROOT), {}, field_type)
        found = _read_uri(data, _ROOT, field_type, limit_bytes=limit_bytes)
        mime_type = found.mime_type or guess(found.data, filename=None, field_type=field_type)
        return _of_bytes(found.data, {}, filename=None, mime_type=mime_type)
    return _read_structured(data, limit_bytes=limit_bytes)


def may_have_bytes(data: Any) -> bool:
    """Tell whether ``data`` can hold or name bytes for the store; its type has the last word."""
    if isinstance(data, dict):
        return bool(_sources(data))
    return isinstance(data, str)


def merged_properties(content: BlobContent, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a blob's properties: those of its data, and its metadata, which wins on equal keys.

    Metadata is what the sender says of the blob; what travels inside the data was often put there
    by a tool. Values are not merged into one another.
    """
    return {**content.properties, **metadata}


def _sources(data: dict[str, Any]) -> list[str]:
    """Return the keys that name bytes."""
    names: list[str] = [key for key in ("base64", "url") if key in data]
    filename = data.get("filename")
    if isinstance(filename, str) and _is_uri(filename):
        names.append("filename")
    return names


def _read_object(
    data: dict[str, Any],
    sources: list[str],
    field_type: FieldType,
    *,
    limit_bytes: int,
    may_be_elsewhere: bool,
) -> BlobContent:
    given = [key for key in sources if data[key] is not None]
    if len(given) > 1:
        raise InvalidInput(
            f"{' and '.join(given)} each name bytes; exactly one of them is needed", _ROOT
        )
    source = given[0] if given else sources[0]
    found = None
    if not (may_be_elsewhere and source in _URL_KEYS and _is_url(data[source])):
        found = _read_source(data[source], source, field_type, limit_bytes=limit_bytes)

    rest = {key: value for key, value in data.items() if key not in sources}
    filename = rest.pop("filename", None)
    if filename is not None:
        check_filename(filename, (*_ROOT, "filename"))
    declared = _pop_mime_type(rest, field_type)
    check_json(rest, _ROOT, most_bytes=limit_bytes)
    if found is None:
        elsewhere = Source(data[source], (*_ROOT, source), filename, declared)
        return _elsewhere(elsewhere, rest, field_type)
    mime_type = (
        declared or found.mime_type or guess(found.data, filename=filename, field_type=field_type)
    )
    return _of_bytes(found.data, rest, filename=filename, mime_type=mime_type)


def _read_source(value: Any, key: str, field_type: FieldType, *, limit_bytes: int) -> DataUri:
    path = (*_ROOT, key)
    if not isinstance(value, str):
        raise InvalidInput(f"{key} is {kind_of(value)}; it has to be a string", path)
    # What a browser's FileReader gives as "base64" is a whole data URI.
    if key == "base64" and not is_data_uri(value):
        return DataUri(None, decode_base64(value, path, limit_bytes=limit_bytes))
    return _read_uri(value, path, field_type, limit_bytes=limit_bytes)


def _read_uri(
    text: str, path: Sequence[str], field_type: FieldType, *, limit_bytes: int
) -> DataUri:
    if is_data_uri(text):
        found = decode_data_uri(text, path, limit_bytes=limit_bytes)
        if found.mime_type is not None:
            check_fits(found.mime_type, field_type, path)
        return found
    if _is_uri(text):
        raise InvalidInput(f"bytes are not fetched from a URL; {_HOW_BYTES_ARE_SENT}", path)
    raise InvalidInput(f"this string holds no bytes; {_HOW_BYTES_ARE_SENT}", path)


def _is_uri(text: str) -> bool:
    return is_data_uri(text) or _is_url(text)


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and not is_data_uri(value) and _URL.match(value) is not None


def _elsewhere(source: Source, properties: dict[str, Any], field_type: FieldType) -> BlobContent:
    """Return content of which nothing is known but its name."""
    filename = source.filename or _name_in(source)
    guessed = guess(b"", filename=filename, field_type=field_type)
    return BlobContent(
        data=None,
        properties=properties,
        filename=filename,
        mime_type=source.mime_type or (None if guessed == UNKNOWN else guessed),
        size_bytes=None,
        hash=None,
        source=source,
    )


def _name_in(source: Source) -> str | None:
    """Return the last part of the URL's path, if it can name a file."""
    if source.scheme == "s3":  # a key is no text that was escaped
        name = source.url.rpartition("/")[2]
    else:
        path = _PATH.match(source.url)
        name = unquote(path[1].rpartition("/")[2]) if path else ""
    return usable_filename(name)


def _pop_mime_type(rest: dict[str, Any], field_type: FieldType) -> str | None:
    """Take the declared media type out of an object's keys, by either spelling."""
    declared = None
    for key in ("mime_type", "mimeType"):
        value = rest.pop(key, None)
        if value is None:
            continue
        path = (*_ROOT, key)
        mime_type = check_mime_type(value, path)
        check_fits(mime_type, field_type, path)
        if declared not in (None, mime_type):
            raise InvalidInput("mime_type and mimeType differ; one of them is enough", path)
        declared = mime_type
    return declared


def _read_text(text: str, *, limit_bytes: int) -> BlobContent:
    check_text(text, _ROOT)
    data = text.encode()
    if len(data) > limit_bytes:
        raise TooLarge(
            f"the text has {len(data)} bytes; the most inside a request is {limit_bytes}", _ROOT
        )
    return _of_bytes(data, {}, filename=None, mime_type="text/plain")


def _read_structured(data: Any, *, limit_bytes: int) -> BlobContent:
    canonical = canonical_json(data, _ROOT, limit_bytes=limit_bytes)
    return BlobContent(
        data=None,
        properties=data if isinstance(data, dict) else {"value": data},
        filename=None,
        mime_type="application/json",
        size_bytes=len(canonical),
        hash=hashlib.sha256(canonical).hexdigest(),
    )


def _of_bytes(
    data: bytes, properties: dict[str, Any], *, filename: str | None, mime_type: str
) -> BlobContent:
    return BlobContent(
        data=data,
        properties=properties,
        filename=filename,
        mime_type=mime_type,
        size_bytes=len(data),
        hash=hashlib.sha256(data).hexdigest(),
    )

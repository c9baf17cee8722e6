"""Mirrors a source: brings the bytes that a URL names into the store."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from gateway.blobs.store import BlobStore, Digest
from gateway.enums import FieldType
from gateway.errors import FetchFailed, InvalidInput, UserFailure
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.fetching.urls import BadUrl, read_url
from gateway.objects.blob_data import BlobContent, Source
from gateway.objects.filenames import usable_filename
from gateway.objects.mime_types import UNKNOWN, check_fits, check_mime_type, guess

ANYWHERE = FetchRules(ports=range(1, 65_536))  # for what is not fetched, and only has to be a URL

_HEAD_BYTES = 64  # as many as tell a media type
# Bucket and key; whether both exist is not asked.
_S3_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f\x7f]{1,1024}")
# What servers call bytes of which they know nothing.
_UNTOLD = (UNKNOWN, "binary/octet-stream", "application/x-download", "application/force-download")


class Mirrored(NamedTuple):
    """Bytes of a URL that the store has, with what the server says of them.

    Args:
        head: The first of them.
    """

    key: str
    digest: Digest
    head: bytes
    content_type: str | None
    filename: str | None


def check(source: Source, rules: FetchRules) -> None:
    """Return if the URL can be looked for.

    Raises:
        InvalidInput: It cannot, as it is written.
    """
    if source.scheme == "s3":
        if not _S3_URL.fullmatch(source.url):
            raise InvalidInput("this is no URL of S3; one looks like s3://bucket/a/b.png")
        return
    try:
        read_url(source.url, rules)
    except BadUrl as error:
        raise InvalidInput(f"this URL {error}") from error


async def mirror(
    fetcher: Fetcher,
    store: BlobStore,
    url: str,
    key: str,
    sources: Sequence[tuple[Source, FieldType]],
) -> Mirrored:
    """Put what a URL names under a key.

    Args:
        sources: Those of this URL, with the types of their blobs; what fits none is not read.

    Raises:
        FetchFailed: The bytes cannot be had, or fit nothing.
        Unavailable: The store cannot keep them.
    """
    async with fetcher.open(url) as fetched:
        _check_fits_any(fetched.content_type, sources)
        chunks = _Headed(fetched.chunks)
        digest = await store.put_stream(key, chunks)
    return Mirrored(key, digest, chunks.head, fetched.content_type, fetched.filename)


def found(content: BlobContent, source: Source, kind: FieldType, mirrored: Mirrored) -> BlobContent:
    """Return the content of a blob whose source was mirrored.

    Raises:
        FetchFailed: What came does not fit the blob.
    """
    told = source.mime_type or _told(mirrored.content_type, kind)
    filename = source.filename or usable_filename(mirrored.filename)
    return replace(
        content,
        key=mirrored.key,
        filename=filename,
        mime_type=told or guess(mirrored.head, filename=filename, field_type=kind),
        size_bytes=mirrored.digest.size_bytes,
        hash=mirrored.digest.sha256,
    )


class _Headed:
    """Chunks that pass, of whose bytes the first are kept."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.head = b""
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        if len(self.head) < _HEAD_BYTES:
            self.head += chunk[:_HEAD_BYTES]
        return chunk


def _check_fits_any(content_type: str | None, sources: Sequence[tuple[Source, FieldType]]) -> None:
    failure: FetchFailed | None = None
    for source, kind in sources:
        if source.mime_type is not None:
            return
        try:
            _told(content_type, kind)
        except FetchFailed as error:
            failure = failure or error
        else:
            return
    if failure is not None:
        raise failure


def _told(content_type: str | None, kind: FieldType) -> str | None:
    """Return the media type that a server tells, if it tells one.

    Raises:
        FetchFailed: It does not fit the blob: what came is a page that says why, or asks to log in.
    """
    try:
        mime_type = check_mime_type(content_type, ())
    except UserFailure:
        return None
    if mime_type.partition(";")[0].strip() in _UNTOLD:
        return None
    try:
        check_fits(mime_type, kind, ())
    except InvalidInput as error:
        raise FetchFailed(
            f"of what this URL gives, {error.message}; mime_type overrides the server's"
        ) from error
    return mime_type

"""Brings bytes that URLs of blobs name into the store, before the transaction that names them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from gateway.blobs.store import BlobStore, new_key
from gateway.buckets import holding
from gateway.database.pool import Database
from gateway.enums import FieldType
from gateway.errors import FetchFailed, InvalidInput, Refused, Unavailable, UserFailure
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.fetching.urls import BadUrl, read_url
from gateway.gathering import Gathering
from gateway.idempotency.answers import Replayed
from gateway.limits import Limits
from gateway.objects import blob_data, new_objects
from gateway.objects.blob_data import BlobContent, Source
from gateway.objects.mime_types import UNKNOWN, check_fits, check_mime_type, guess
from gateway.objects.new_blobs import GivenBlob, NewBlob
from gateway.objects.new_objects import GivenObject
from gateway.objects.several import unknown_bucket
from gateway.threads import off_loop

AT_A_TIME = 4  # of one object
_ANYWHERE = FetchRules(ports=range(1, 65_536))  # for what is not fetched, and only has to be a URL
_HEAD_BYTES = 64  # as many as tell a media type
# Bucket and key; whether both exist is not asked.
_S3_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f\x7f]{1,1024}")
# What servers call bytes of which they know nothing.
_UNTOLD = (UNKNOWN, "binary/octet-stream", "application/x-download", "application/force-download")


@asynccontextmanager
async def mirrored(
    database: Database,
    store: BlobStore,
    fetcher: Fetcher,
    limits: Limits,
    given: GivenObject,
    *,
    namespace_id: str,
) -> AsyncIterator[GivenObject]:
    """Give an object with the bytes that its blobs' URLs name, for the block to keep.

    What can be refused without the bytes is refused before they are fetched, and no transaction is
    open while they come. If the block refuses the object or finds it made before, they are removed;
    if it ends in any other way than well, a row may name them all the same, and what none names is
    left to ``contents.sweep_strays``.

    Raises:
        NotFound, Locked, BadState, SchemaMismatch, PolicyRequired, TooLarge: As of
            ``creating.create_object``.
        InvalidInput, FetchFailed: A URL cannot be read; its bytes cannot be had.
        Refused: Several of these.
        Unavailable: The store cannot keep the bytes.
    """
    if not any(blob_data.may_name_url(each.data) for each in given.blobs):
        yield given
        return
    async with database.transaction(namespace_id) as tx:
        bucket = await holding.share(tx, given.bucket_id)
        if bucket is None:
            raise unknown_bucket(given.bucket_id)
        bucket.require_open(("bucketId",))
        (given,) = await new_objects.with_uploads(tx, [given])
    new = await off_loop(
        given.weight,
        new_objects.read,
        given,
        bucket.schema,
        bucket.unique_key,
        limits,
        may_be_elsewhere=True,
    )
    mirroring = _Mirroring(store, fetcher, namespace_id)
    try:
        contents = await mirroring.contents(given.blobs, new.blobs)
    except BaseException:
        await mirroring.remove()
        raise
    try:
        pairs = zip(given.blobs, contents, strict=True)
        yield replace(given, blobs=[replace(each, content=content) for each, content in pairs])
    except (UserFailure, Refused, Replayed):
        await mirroring.remove()
        raise


class _Mirroring:
    """The sources of one object, on their way into the store."""

    def __init__(self, store: BlobStore, fetcher: Fetcher, namespace_id: str) -> None:
        self._store = store
        self._fetcher = fetcher
        self._namespace_id = namespace_id
        self._room = asyncio.Semaphore(AT_A_TIME)
        self._keys: list[str] = []

    async def contents(
        self, blobs: Sequence[GivenBlob], made: Sequence[NewBlob]
    ) -> list[BlobContent]:
        """Return what each blob holds, with the bytes of those that are not to stay elsewhere."""
        contents = [each.content for each in made]
        gathering = Gathering()
        wanted = []
        for index, (given, new) in enumerate(zip(blobs, made, strict=True)):
            if (source := new.content.source) is not None:
                with gathering.below("blobs", str(index), *source.path):
                    is_wanted = given.canonicalize_source and source.scheme != "s3"
                    _check(source, self._fetcher.rules if is_wanted else _ANYWHERE)
                    if is_wanted:
                        wanted.append((index, source, new))
        gathering.end()

        async def bring(index: int, source: Source, new: NewBlob) -> None:
            with gathering.below("blobs", str(index), *source.path):
                async with self._room:
                    contents[index] = await self._bring(new.content, source, new.type)

        try:
            async with asyncio.TaskGroup() as group:
                for each in wanted:
                    group.create_task(bring(*each))
        except ExceptionGroup as failures:  # of other kinds than gathered; the rest was cancelled
            raise failures.exceptions[0] from None
        gathering.end()
        return contents

    async def remove(self) -> None:
        """Remove what came; no row names it."""
        for key in self._keys:
            with suppress(Unavailable):  # the bytes are strays then, as after a crash
                await self._store.delete(key)

    async def _bring(self, content: BlobContent, source: Source, kind: FieldType) -> BlobContent:
        key = new_key(self._namespace_id)
        async with self._fetcher.open(source.url) as fetched:
            told = source.mime_type or _told(fetched.content_type, kind)
            chunks = _Headed(fetched.chunks)
            self._keys.append(key)
            digest = await self._store.put_stream(key, chunks)
        filename = source.filename or blob_data.usable_filename(fetched.filename)
        return replace(
            content,
            key=key,
            filename=filename,
            mime_type=told or guess(chunks.head, filename=filename, field_type=kind),
            size_bytes=digest.size_bytes,
            hash=digest.sha256,
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


def _check(source: Source, rules: FetchRules) -> None:
    if source.scheme == "s3":
        if not _S3_URL.fullmatch(source.url):
            raise InvalidInput("this is no URL of S3; one looks like s3://bucket/a/b.png")
        return
    try:
        read_url(source.url, rules)
    except BadUrl as error:
        raise InvalidInput(f"this URL {error}") from error


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

"""Bytes in a bucket of S3, or of another server that speaks its language.

Only a gateway that is set up for S3 imports this: the client takes a second or two, and 23 MB.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

from botocore.exceptions import ClientError

from gateway.blobs.disposition import attachment
from gateway.blobs.measure import Measure
from gateway.blobs.pieces import pieces, size_of
from gateway.blobs.s3_client import S3Place, open_client
from gateway.blobs.s3_errors import CHECK_PATIENCE_S, LONG_PATIENCE_S, MISSING, asking, code
from gateway.blobs.s3_signing import S3Signer
from gateway.blobs.store import (
    MAX_PARTS,
    MIN_PART_BYTES,
    BegunParts,
    Digest,
    Listed,
    NoBytes,
    Part,
    UploadTarget,
    check_parts,
)
from gateway.errors import InvalidInput, Unavailable

# A stream is cut into parts of this size, and a few times as much of it is in memory: the smallest
# that S3 takes.
STREAM_PART_BYTES = MIN_PART_BYTES
_CHUNK_BYTES = 1024**2
_LIGHT_BYTES = 64 * 1024  # hashed sooner than handed to a thread
_UNKNOWN_TYPE = "application/octet-stream"

_WRONG_PARTS = ("InvalidPart", "InvalidPartOrder", "EntityTooSmall")
_RANGE_BEYOND_END = ("416", "InvalidRange")


class S3BlobStore:
    """A bucket. Its URLs are those of S3; see ``open_s3``."""

    def __init__(self, client: Any, signer: S3Signer, *, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._signer = signer
        self._bucket = bucket
        self._prefix = prefix

    async def put(self, key: str, data: bytes) -> None:
        """Keep ``data``; S3 refuses what was changed on the way."""
        digest = (
            hashlib.sha256(data).digest()
            if len(data) <= _LIGHT_BYTES
            else await asyncio.to_thread(_sha256, data)
        )
        async with asking():
            await self._client.put_object(
                **self._at(key),
                Body=data,
                ContentType=_UNKNOWN_TYPE,
                ChecksumSHA256=base64.b64encode(digest).decode(),
            )

    async def put_stream(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        size_bytes: int | None = None,
        sha256: str | None = None,
    ) -> Digest:
        """Keep what ``chunks`` gives: at once if it is little, else in parts."""
        measure = Measure(size_bytes=size_bytes, sha256=sha256)
        cut = pieces(chunks, measure, piece_bytes=STREAM_PART_BYTES)
        first = await anext(cut)
        if size_of(first) < STREAM_PART_BYTES:
            digest = measure.result()
            await self.put(key, first.getvalue())
            return digest
        parts_id = await self.begin_parts(key, mime_type=_UNKNOWN_TYPE)
        try:
            sent = [await self._put_part(key, parts_id, 1, first)]
            async for piece in cut:
                if not size_of(piece):
                    break
                if len(sent) == MAX_PARTS:
                    most = MAX_PARTS * STREAM_PART_BYTES
                    raise InvalidInput(f"more than {most} bytes came", ("sizeBytes",))
                sent.append(await self._put_part(key, parts_id, len(sent) + 1, piece))
            digest = measure.result()
            await self.join_parts(key, parts_id, sent)
        except BaseException:
            # What cannot be aborted now is left to the sweeper.
            with contextlib.suppress(Unavailable):
                await asyncio.shield(self.abort_parts(key, parts_id))
            raise
        return digest

    async def size(self, key: str) -> int | None:
        """Return the size in bytes, None if there is nothing under the key."""
        async with asking():
            try:
                head = await self._client.head_object(**self._at(key))
            except ClientError as error:
                if code(error) in MISSING:
                    return None
                raise
        size: int = head["ContentLength"]
        return size

    async def read(self, key: str) -> bytes | None:
        """Return the bytes, None if there is nothing under the key."""
        try:
            return b"".join([chunk async for chunk in self.stream(key)])
        except NoBytes:
            return None

    async def stream(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes; when a connection is lost, go on from there over a new one."""
        while end is None or start < end:
            before = start
            try:
                async for chunk in self._stream_once(key, start, end):
                    start += len(chunk)
                    yield chunk
            except Unavailable:
                if start == before:
                    raise
            else:
                return

    async def copy(self, source: str, key: str) -> None:
        """Have S3 copy the bytes; at most 5 GiB, which is as much as one PUT brings."""
        async with asking(LONG_PATIENCE_S):
            try:
                await self._client.copy_object(**self._at(key), CopySource=self._at(source))
            except ClientError as error:
                if code(error) in MISSING:
                    raise NoBytes from error
                raise

    async def delete(self, key: str) -> None:
        """Remove what is under the key, if anything."""
        async with asking():
            await self._client.delete_object(**self._at(key))

    async def listed(self, prefix: str) -> AsyncIterator[Listed]:
        """Yield the keys that begin with ``prefix``, a thousand for each request."""
        wanted = {"Bucket": self._bucket, "Prefix": self._prefix + prefix}
        while True:
            async with asking():
                page = await self._client.list_objects_v2(**wanted)
            for each in page.get("Contents", ()):
                key = each["Key"].removeprefix(self._prefix)
                yield Listed(key, each["Size"], each["LastModified"])
            if not page.get("IsTruncated"):
                return
            wanted["ContinuationToken"] = page["NextContinuationToken"]

    def download_url(
        self, key: str, *, expires_in_s: int, filename: str | None, mime_type: str | None
    ) -> str:
        """Return a link to S3 that makes it name the bytes as they are called here."""
        query = {
            "response-cache-control": f"private, max-age={expires_in_s}, immutable",
            "response-content-disposition": attachment(filename or key.rpartition("/")[2]),
            "response-content-type": mime_type or _UNKNOWN_TYPE,
        }
        return self._url("GET", key, expires_in_s, query=query)

    def upload_target(
        self, key: str, *, expires_in_s: int, size_bytes: int, mime_type: str, sha256: str | None
    ) -> UploadTarget:
        """Return a link to S3 that takes one PUT."""
        headers = {"Content-Type": mime_type}
        if sha256 is not None:
            headers["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        bound = {**headers, "Content-Length": str(size_bytes)}
        return UploadTarget(self._url("PUT", key, expires_in_s, headers=bound), headers)

    async def begin_parts(self, key: str, *, mime_type: str) -> str:
        """Begin an upload in parts; return S3's id of it."""
        async with asking():
            begun = await self._client.create_multipart_upload(
                **self._at(key), ContentType=mime_type
            )
        parts_id: str = begun["UploadId"]
        return parts_id

    def part_target(
        self, key: str, parts_id: str, number: int, *, expires_in_s: int, size_bytes: int
    ) -> UploadTarget:
        """Return a link to S3 that takes one part."""
        url = self._url(
            "PUT",
            key,
            expires_in_s,
            query={"partNumber": str(number), "uploadId": parts_id},
            headers={"Content-Length": str(size_bytes)},
        )
        return UploadTarget(url, {})

    async def parts(self, key: str, parts_id: str) -> list[Part]:
        """Return the parts that have come, by their numbers."""
        pages = self._client.get_paginator("list_parts").paginate(
            **self._at(key), UploadId=parts_id
        )
        async with asking():
            try:
                return [
                    Part(each["PartNumber"], each["Size"], each["ETag"])
                    async for page in pages
                    for each in page.get("Parts", ())
                ]
            except ClientError as error:
                if code(error) == "NoSuchUpload":
                    raise NoBytes from error
                raise

    async def join_parts(self, key: str, parts_id: str, parts: Sequence[Part]) -> None:
        """Have S3 join the parts."""
        check_parts(parts)
        named = [{"PartNumber": each.number, "ETag": each.etag} for each in parts]
        async with asking(LONG_PATIENCE_S):
            try:
                await self._client.complete_multipart_upload(
                    **self._at(key), UploadId=parts_id, MultipartUpload={"Parts": named}
                )
            except ClientError as error:
                if code(error) in _WRONG_PARTS:
                    raise InvalidInput(
                        "a part is missing, was sent again meanwhile, or is too small; look at the"
                        " parts anew",
                        ("parts",),
                    ) from error
                if code(error) != "NoSuchUpload":
                    raise
                # It may have been joined by a request whose answer was lost.
                if await self.size(key) is None:
                    raise NoBytes from error

    async def abort_parts(self, key: str, parts_id: str) -> None:
        """Remove the parts of an upload, if there is such an upload."""
        async with asking():
            try:
                await self._client.abort_multipart_upload(**self._at(key), UploadId=parts_id)
            except ClientError as error:
                # Of what was joined, Swift says that the key of its parts is missing.
                if code(error) not in ("NoSuchUpload", *MISSING):
                    raise

    async def begun_parts(self, prefix: str) -> AsyncIterator[BegunParts]:
        """Yield the uploads in parts of keys that begin with ``prefix``, a page at a time."""
        wanted = {"Bucket": self._bucket, "Prefix": self._prefix + prefix}
        while True:
            async with asking():
                page = await self._client.list_multipart_uploads(**wanted)
            for each in page.get("Uploads", ()):
                key = each["Key"].removeprefix(self._prefix)
                yield BegunParts(key, each["UploadId"], each["Initiated"])
            if not page.get("IsTruncated"):
                return
            wanted["KeyMarker"] = page["NextKeyMarker"]
            wanted["UploadIdMarker"] = page["NextUploadIdMarker"]

    async def check(self) -> None:
        """Return if the bucket answers; whether it takes bytes, only bytes would tell."""
        async with asking(CHECK_PATIENCE_S):
            await self._client.head_bucket(Bucket=self._bucket)

    async def _put_part(self, key: str, parts_id: str, number: int, data: BytesIO) -> Part:
        size_bytes = size_of(data)
        async with asking():
            put = await self._client.upload_part(
                **self._at(key), UploadId=parts_id, PartNumber=number, Body=data
            )
        return Part(number, size_bytes, put["ETag"])

    async def _stream_once(self, key: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        wanted = {}
        if start or end is not None:
            wanted["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        async with asking():
            try:
                got = await self._client.get_object(**self._at(key), **wanted)
            except ClientError as error:
                if code(error) in MISSING:
                    raise NoBytes from error
                if code(error) in _RANGE_BEYOND_END:
                    return
                raise
        body = got["Body"]
        async with body:  # what that gives is the response, whose `read` takes no size
            while True:
                async with asking():
                    chunk = await body.read(_CHUNK_BYTES)
                if not chunk:
                    return
                yield chunk

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _url(
        self,
        method: str,
        key: str,
        expires_in_s: int,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        return self._signer.url(
            method, self._prefix + key, expires_in_s=expires_in_s, query=query, headers=headers
        )


@asynccontextmanager
async def open_s3(place: S3Place) -> AsyncIterator[S3BlobStore]:
    """Give a store on S3, with one client for as long as it is open.

    Nothing is asked of S3 yet.

    Raises:
        Unavailable: There are no credentials.
    """
    async with open_client(place) as (client, signer):
        yield S3BlobStore(client, signer, bucket=place.bucket, prefix=place.prefix)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()

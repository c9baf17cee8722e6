"""The import itself: each file is hashed, sent if the gateway does not have it, made an object."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from gateway.enums import FieldType
from gateway.importing.api import Api
from gateway.importing.choosing import Properties
from gateway.importing.journal import Journal
from gateway.objects.mime_types import guess
from gateway.remote import Passing, Refusal

MULTIPART_ABOVE_BYTES = 64 * 1024**2
EXPIRES_IN_S = 24 * 3600
_CHUNK_BYTES = 1024**2
_HEAD_BYTES = 64
# So many files in a row, each tried several times, and no more will be.
_GIVEN_UP_AFTER = 3


@dataclass(slots=True)
class Report:
    """What became of an import.

    Args:
        imported: Files of which objects were made.
        present: Files of which there were objects already.
        sent_bytes: What was transferred.
        failures: Why files were not imported, by their paths.
    """

    imported: int = 0
    present: int = 0
    imported_bytes: int = 0
    sent_bytes: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many files are dealt with."""
        return self.imported + self.present + len(self.failures)


# Told how many bytes more are dealt with, and how it stands.
OnProgress = Callable[[int, Report], None]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    key_prefix: str
    size_bytes: int
    sha256: str
    mime_type: str


async def bring(
    api: Api,
    paths: Sequence[Path],
    *,
    folder: Path,
    bucket: str,
    chosen: str | None,
    journal: Journal,
    jobs: int,
    dry_run: bool,
    on_progress: OnProgress,
) -> Report:
    """Import files of a folder into a bucket; what fails is in the report.

    Args:
        bucket: Its name or id.
        chosen: The only property to be used; None: the one that fits each file.

    Raises:
        Refusal: There is no such bucket, or it is not for files.
    """
    found = await api.find_bucket(bucket)
    properties = Properties(found, chosen)
    stored: dict[str, set[str | None]] = {}
    async for path, hashes in api.objects(found["id"]):
        stored.setdefault(path, set()).update(hashes)
    importer = Importer(
        api,
        folder=folder,
        bucket_id=found["id"],
        properties=properties,
        stored=stored,
        journal=journal,
        jobs=jobs,
        dry_run=dry_run,
        on_progress=on_progress,
    )
    await importer.run(paths)
    return importer.report


class Importer:
    """Imports files of one folder into one bucket.

    Args:
        stored: The hashes of blobs that the bucket has under each path.
        dry_run: Do nothing but look.
    """

    def __init__(
        self,
        api: Api,
        *,
        folder: Path,
        bucket_id: str,
        properties: Properties,
        stored: dict[str, set[str | None]],
        journal: Journal,
        jobs: int,
        dry_run: bool,
        on_progress: OnProgress,
    ) -> None:
        self.report = Report()
        self._api = api
        self._folder = folder
        self._bucket_id = bucket_id
        self._properties = properties
        self._stored = stored
        self._journal = journal
        self._files = asyncio.Semaphore(jobs)
        self._sending = asyncio.Semaphore(jobs)
        self._dry_run = dry_run
        self._unanswered = 0
        self._on_progress = on_progress

    async def run(self, paths: Sequence[Path]) -> None:
        """Import the files; what fails is in the report."""
        async with asyncio.TaskGroup() as group:
            for path in paths:
                await self._files.acquire()
                group.create_task(self._import(path)).add_done_callback(
                    lambda _: self._files.release()
                )

    async def _import(self, path: Path) -> None:
        key_prefix = path.relative_to(self._folder).as_posix()
        try:
            if self._unanswered >= _GIVEN_UP_AFTER:
                raise Refusal("not tried, since there was no answer for those before")
            file = await asyncio.to_thread(_look, path, key_prefix)
            name, kind = self._properties.for_file(file.mime_type)
            if self._is_present(file):
                self.report.present += 1
                self._tell(file.size_bytes)
                return
            if not self._dry_run:
                upload_id = await self._upload(file)
                await self._api.create_object(
                    bucketId=self._bucket_id,
                    keyPrefix=key_prefix,
                    blobs=[{"property": name, "type": kind, "uploadId": upload_id}],
                )
                self._journal.end(key_prefix, file.sha256)
                self._unanswered = 0
            self.report.imported += 1
            self.report.imported_bytes += file.size_bytes
        except (Refusal, OSError) as error:
            self._unanswered += isinstance(error, Passing)
            self.report.failures[key_prefix] = str(error)
        self._tell(0)

    def _is_present(self, file: _File) -> bool:
        hashes = self._stored.get(file.key_prefix)
        if hashes is None:
            return False
        if file.sha256 in hashes:
            return True
        raise Refusal("the bucket has an object of this path with other content; delete it first")

    async def _upload(self, file: _File) -> str:
        """Return the id of a confirmed upload of a file."""
        if begun := await self._begun(file):
            try:
                return await self._complete(file, begun)
            except Passing:
                raise
            except Refusal:  # what came of it is gone, or is of other content
                self._journal.end(file.key_prefix, file.sha256)
        return await self._complete(file, await self._begin(file))

    async def _complete(self, file: _File, upload: dict[str, Any]) -> str:
        """Send what an upload waits for; confirm it; return its id."""
        id: str = upload["id"]
        if upload["status"] == "COMPLETED":
            self._tell(file.size_bytes)
            return id
        target = upload["target"]
        if target["parts"] is None:
            await self._send(file, target["url"], 0, file.size_bytes, target["headers"])
        elif upload["receivedParts"] is None:  # all came, and it was to be confirmed
            self._tell(file.size_bytes)
        else:
            await self._send_parts(file, upload)
        await self._api.confirm_upload(id)
        return id

    async def _begin(self, file: _File) -> dict[str, Any]:
        is_multipart = file.size_bytes > MULTIPART_ABOVE_BYTES
        upload = await self._api.create_upload(
            bucketId=self._bucket_id,
            filename=file.path.name,
            contentType=file.mime_type,
            fileSizeBytes=file.size_bytes,
            fileHash=file.sha256,
            expiresIn=EXPIRES_IN_S,
            multipart=is_multipart,
        )
        if is_multipart:
            self._journal.begin(file.key_prefix, file.sha256, upload["id"])
        return upload

    async def _begun(self, file: _File) -> dict[str, Any] | None:
        """Return the upload that an import before this one began, if it goes on."""
        id = self._journal.find(file.key_prefix, file.sha256)
        if id is None:
            return None
        try:
            return await self._api.refresh_upload(id)
        except Refusal:
            return None

    async def _send_parts(self, file: _File, upload: dict[str, Any]) -> None:
        target = upload["target"]
        come = {each["number"] for each in upload["receivedParts"]}
        try:
            async with asyncio.TaskGroup() as group:
                for part in target["parts"]:
                    if part["number"] in come:
                        self._tell(part["sizeBytes"])
                        continue
                    start = (part["number"] - 1) * target["partSizeBytes"]
                    group.create_task(self._send(file, part["url"], start, part["sizeBytes"], {}))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _send(
        self, file: _File, url: str, start: int, size_bytes: int, headers: dict[str, str]
    ) -> None:
        async with self._sending:
            with file.path.open("rb") as opened:
                await self._api.patiently(
                    lambda: self._api.put(
                        url, _chunks(opened, start, size_bytes), size_bytes, headers
                    )
                )
        self.report.sent_bytes += size_bytes
        self._tell(size_bytes)

    def _tell(self, size_bytes: int) -> None:
        self._on_progress(size_bytes, self.report)


def _look(path: Path, key_prefix: str) -> _File:
    digest = hashlib.sha256()
    size_bytes = 0
    head = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            head = head or chunk[:_HEAD_BYTES]
            size_bytes += len(chunk)
            digest.update(chunk)
    mime_type = guess(head, filename=path.name, field_type=FieldType.BINARY)
    return _File(path, key_prefix, size_bytes, digest.hexdigest(), mime_type)


async def _chunks(file: BinaryIO, start: int, size_bytes: int) -> AsyncIterator[bytes]:
    file.seek(start)
    left = size_bytes
    while left and (chunk := await asyncio.to_thread(file.read, min(left, _CHUNK_BYTES))):
        left -= len(chunk)
        yield chunk

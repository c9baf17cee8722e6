"""The import itself: each file is hashed, sent if the gateway does not have it, made an object."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from gateway.importing.api import Api
from gateway.importing.choosing import Properties
from gateway.importing.files import LocalFile, look
from gateway.importing.journal import Journal
from gateway.importing.report import OnProgress, Report
from gateway.importing.uploading import Uploader
from gateway.remote import Passing, Refusal

# So many files in a row, each tried several times, and no more will be.
_GIVEN_UP_AFTER = 3


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
        self._dry_run = dry_run
        self._uploader = Uploader(
            api,
            bucket_id=bucket_id,
            report=self.report,
            journal=journal,
            jobs=jobs,
            on_progress=on_progress,
        )
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
            file = await asyncio.to_thread(look, path, key_prefix)
            name, kind = self._properties.for_file(file.mime_type)
            if self._is_present(file):
                self.report.present += 1
                self._tell(file.size_bytes)
                return
            if not self._dry_run:
                upload_id = await self._uploader.upload(file)
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

    def _is_present(self, file: LocalFile) -> bool:
        hashes = self._stored.get(file.key_prefix)
        if hashes is None:
            return False
        if file.sha256 in hashes:
            return True
        raise Refusal("the bucket has an object of this path with other content; delete it first")

    def _tell(self, size_bytes: int) -> None:
        self._on_progress(size_bytes, self.report)

"""Sends files to where the gateway keeps bytes: small ones at once, large ones in parts."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.importing.api import Api
from gateway.importing.files import LocalFile, chunks
from gateway.importing.journal import Journal
from gateway.importing.report import OnProgress, Report
from gateway.remote import Passing, Refusal

MULTIPART_ABOVE_BYTES = 64 * 1024**2
EXPIRES_IN_S = 24 * 3600


class Uploader:
    """Makes confirmed uploads of files.

    Args:
        report: Is told what was sent.
        journal: Is told of uploads in parts, and tells of those that were begun before.
        jobs: How many files and parts are sent at the same time.
    """

    def __init__(
        self,
        api: Api,
        *,
        bucket_id: str,
        report: Report,
        journal: Journal,
        jobs: int,
        on_progress: OnProgress,
    ) -> None:
        self._api = api
        self._bucket_id = bucket_id
        self._report = report
        self._journal = journal
        self._sending = asyncio.Semaphore(jobs)
        self._on_progress = on_progress

    async def upload(self, file: LocalFile) -> str:
        """Return the id of a confirmed upload of a file."""
        if begun := await self._begun(file):
            try:
                return await self._complete(file, begun)
            except Passing:
                raise
            except Refusal:  # what came of it is gone, or is of other content
                self._journal.end(file.key_prefix, file.sha256)
        return await self._complete(file, await self._begin(file))

    async def _complete(self, file: LocalFile, upload: dict[str, Any]) -> str:
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

    async def _begin(self, file: LocalFile) -> dict[str, Any]:
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

    async def _begun(self, file: LocalFile) -> dict[str, Any] | None:
        """Return the upload that an import before this one began, if it goes on."""
        id = self._journal.find(file.key_prefix, file.sha256)
        if id is None:
            return None
        try:
            return await self._api.refresh_upload(id)
        except Passing:
            raise
        except Refusal:  # it is over
            return None

    async def _send_parts(self, file: LocalFile, upload: dict[str, Any]) -> None:
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
        self, file: LocalFile, url: str, start: int, size_bytes: int, headers: dict[str, str]
    ) -> None:
        async with self._sending:
            with file.path.open("rb") as opened:
                await self._api.patiently(
                    lambda: self._api.put(
                        url, chunks(opened, start, size_bytes), size_bytes, headers
                    )
                )
        self._report.sent_bytes += size_bytes
        self._tell(size_bytes)

    def _tell(self, size_bytes: int) -> None:
        self._on_progress(size_bytes, self._report)

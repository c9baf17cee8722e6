"""Uploads as a client of the gateway makes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from gateway.blobs.store import UploadTarget
from tests.blobs.conftest import Browser
from tests.client import Client
from tests.operations import mutate

SCHEMA = {"properties": {"file": {"type": "binary"}, "picture": {"type": "image"}}}
_ERRORS = "errors { code message path }"
_UPLOAD = """
id uploadId bucketId filename contentType fileSizeBytes fileHash status isDuplicate error
expiresAt createdAt updatedAt version
target { method url headers partSizeBytes parts { number url sizeBytes } }
"""
CREATE_UPLOAD = f"""
mutation ($input: CreateUploadInput!) {{
  createUpload(input: $input) {{ upload {{ {_UPLOAD} }} {_ERRORS} }}
}}
"""
CONFIRM_UPLOAD = f"""
mutation ($input: ConfirmUploadInput!) {{
  confirmUpload(input: $input) {{ upload {{ {_UPLOAD} }} {_ERRORS} }}
}}
"""
REFRESH_UPLOAD = (
    f"mutation ($id: ID!) {{ refreshUpload(id: $id) {{ upload {{ {_UPLOAD} }} {_ERRORS} }} }}"
)
ABORT_UPLOAD = (
    f"mutation ($id: ID!) {{ abortUpload(id: $id) {{ upload {{ {_UPLOAD} }} {_ERRORS} }} }}"
)
READ_UPLOAD = f"query ($id: ID!) {{ upload(id: $id) {{ {_UPLOAD} }} }}"
RECEIVED = "query ($id: ID!) { upload(id: $id) { receivedParts { number sizeBytes etag } } }"
MIB = 1024**2
DATA = b"the bytes of a file"
LARGE = b"".join(bytes([number]) * MIB for number in range(33))  # three parts

_EXPIRE = text(
    "UPDATE uploads SET expires_at = now() + interval '1 second' * :seconds"
    " WHERE namespace_id = :namespace_id AND id = :id"
)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Uploading:
    """A client that uploads into one bucket, and its browser, which has no key."""

    client: Client
    browser: Browser
    bucket: dict[str, Any]

    def input(self, data: bytes, **input: Any) -> dict[str, Any]:
        return {
            "bucketId": self.bucket["id"],
            "filename": "a.png",
            "contentType": "image/png",
            "fileSizeBytes": len(data),
        } | input

    async def create(self, data: bytes = DATA, **input: Any) -> dict[str, Any]:
        return await self._done(CREATE_UPLOAD, input=self.input(data, **input))

    async def put(self, upload: dict[str, Any], data: bytes = DATA, **headers: str) -> int:
        """Send bytes to an upload's target; return the status."""
        target = upload["target"]
        return await self.browser.put(
            UploadTarget(target["url"], target["headers"]), data, **headers
        )

    async def put_part(self, upload: dict[str, Any], number: int, data: bytes = LARGE) -> str:
        """Send one part of ``data``; return the ETag that answers it."""
        target = upload["target"]
        start = (number - 1) * target["partSizeBytes"]
        url = target["parts"][number - 1]["url"]
        answer = await self.browser._ask(
            "PUT", url, data[start : start + target["partSizeBytes"]], {}
        )
        assert answer.status == 200
        return answer.headers["ETag"]

    async def confirm(self, upload: dict[str, Any], **input: Any) -> dict[str, Any]:
        return await self._done(CONFIRM_UPLOAD, input={"uploadId": upload["id"]} | input)

    async def confirmed(self, data: bytes = DATA, **input: Any) -> dict[str, Any]:
        """Create, send and confirm."""
        upload = await self.create(data, **input)
        assert await self.put(upload, data) == 200
        return await self.confirm(upload)

    async def refresh(self, upload: dict[str, Any]) -> dict[str, Any]:
        return await self._done(REFRESH_UPLOAD, id=upload["id"])

    async def abort(self, upload: dict[str, Any]) -> dict[str, Any]:
        return await self._done(ABORT_UPLOAD, id=upload["id"])

    async def read(self, upload: dict[str, Any]) -> dict[str, Any] | None:
        found: dict[str, Any] | None = (await self.client.execute(READ_UPLOAD, id=upload["id"]))[
            "upload"
        ]
        return found

    async def received(self, upload: dict[str, Any]) -> list[dict[str, Any]] | None:
        found = await self.client.execute(RECEIVED, id=upload["id"])
        parts: list[dict[str, Any]] | None = found["upload"]["receivedParts"]
        return parts

    async def expire(self, upload: dict[str, Any], *, in_s: int = 0) -> None:
        """Let the time of an upload be over, now or soon."""
        client = self.client
        async with client.database.transaction(client.namespace_id) as tx:
            values = {"namespace_id": client.namespace_id, "id": upload["id"]}
            await tx.run(_EXPIRE, seconds=in_s, **values)

    async def refusal(self, operation: str, **variables: Any) -> tuple[str, list[str], str]:
        """Return the one error of an operation: its code, path and message."""
        payload = await mutate(self.client, operation, **variables)
        (error,) = payload["errors"]
        assert payload["upload"] is None
        return error["code"], error["path"], error["message"]

    async def refused_confirmation(
        self, upload: dict[str, Any], **input: Any
    ) -> tuple[str, list[str], str]:
        return await self.refusal(CONFIRM_UPLOAD, input={"uploadId": upload["id"]} | input)

    async def keys(self) -> list[str]:
        """Return the keys of the namespace that the store has bytes under."""
        prefix = f"{self.client.namespace_id}/"
        return [each.key async for each in self.client.blobs.listed(prefix)]

    async def _done(self, operation: str, **variables: Any) -> dict[str, Any]:
        payload = await mutate(self.client, operation, **variables)
        assert payload["errors"] == []
        upload: dict[str, Any] = payload["upload"]
        return upload

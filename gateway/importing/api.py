"""What an import asks of a gateway, over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
from yarl import URL

from gateway.remote import Passing, Refusal, RemoteGateway

_PAGE = 1000

_UPLOAD = """
id status
target { url headers partSizeBytes parts { number url sizeBytes } }
receivedParts { number }
"""
_ERRORS = "errors { code message }"
_LIST_OBJECTS = """
query ($id: ID!, $first: Int!, $after: String) {
  bucket(id: $id) {
    objects(first: $first, after: $after) {
      nodes { keyPrefix blobs { details { hash } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
_CREATE_UPLOAD = f"""
mutation ($input: CreateUploadInput!) {{
  createUpload(input: $input) {{ upload {{ {_UPLOAD} }} {_ERRORS} }}
}}
"""
_REFRESH_UPLOAD = f"""
mutation ($id: ID!) {{ refreshUpload(id: $id) {{ upload {{ {_UPLOAD} }} {_ERRORS} }} }}
"""
_CONFIRM_UPLOAD = f"""
mutation ($input: ConfirmUploadInput!) {{
  confirmUpload(input: $input) {{ upload {{ id }} {_ERRORS} }}
}}
"""
_CREATE_OBJECT = f"""
mutation ($input: CreateObjectInput!) {{
  createObject(input: $input) {{ object {{ id }} {_ERRORS} }}
}}
"""


class Api(RemoteGateway):
    """A gateway into which files are brought."""

    async def objects(self, bucket_id: str) -> AsyncIterator[tuple[str, list[str | None]]]:
        """Yield of each object in a bucket that has a path this, and the hashes of its blobs."""
        after = None
        while True:
            variables = {"id": bucket_id, "first": _PAGE, "after": after}
            page = (await self.execute(_LIST_OBJECTS, variables))["bucket"]["objects"]
            for each in page["nodes"]:
                if each["keyPrefix"] is not None:
                    yield each["keyPrefix"], [one["details"]["hash"] for one in each["blobs"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return

    async def create_upload(self, **input: Any) -> dict[str, Any]:
        """Announce a file; return the upload."""
        return await self._payload(_CREATE_UPLOAD, "upload", input=input)

    async def refresh_upload(self, id: str) -> dict[str, Any]:
        """Return an upload that goes on, with new links.

        Raises:
            Refusal: It is over.
        """
        return await self._payload(_REFRESH_UPLOAD, "upload", id=id)

    async def confirm_upload(self, id: str) -> None:
        """Have looked whether the bytes came."""
        await self._payload(_CONFIRM_UPLOAD, "upload", input={"uploadId": id})

    async def create_object(self, **input: Any) -> None:
        """Make an object; once, however often it takes to be told of it."""
        input["idempotencyKey"] = secrets.token_hex()
        await self._payload(_CREATE_OBJECT, "object", input=input)

    async def put(
        self, url: str, body: AsyncIterator[bytes], size_bytes: int, headers: Mapping[str, str]
    ) -> None:
        """Send bytes to a target.

        Raises:
            Refusal: They are refused, or the store gives no answer.
        """
        try:
            async with self._session.put(
                URL(url, encoded=True),
                data=body,
                headers={**headers, "Content-Length": str(size_bytes)},
                skip_auto_headers=["Content-Type"],
            ) as answer:
                text = await answer.text(errors="replace")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Its own words may name the link, which is all that it takes to send.
            place = URL(url, encoded=True).authority
            raise Passing(f"sending to {place} broke off ({type(error).__name__})") from error
        if answer.status >= 500:
            raise Passing(f"the store answers {answer.status}")
        if answer.status >= 300:
            raise Refusal(f"the store answers {answer.status}: {text[:200].strip()}")

    async def _payload(self, text: str, name: str, **variables: Any) -> dict[str, Any]:
        return _payload_of(await self.execute(text, variables), name)


def _payload_of(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    ((_, payload),) = data.items()
    if payload["errors"]:
        raise Refusal("; ".join(each["message"] for each in payload["errors"]))
    found: dict[str, Any] = payload[name]
    return found

"""A gateway that runs elsewhere, as commands ask it: over HTTP, with a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp

T = TypeVar("T")

PAUSES_S = (0.5, 1.0, 2.0)  # between the attempts of what may pass
# What the gateway says of an operation that it may well run later.
PASSING_CODES = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})
_PASSING_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

_READ_BUCKET = """
query ($id: ID, $name: String) {
  bucket(id: $id, name: $name) { id bucketName bucketSchema }
}
"""


class Refusal(Exception):
    """The gateway or its store refuses something, or gives no answer; the message says why."""


class Passing(Refusal):
    """It may go well when it is tried again."""


class RemoteGateway:
    """A gateway, asked with one key in one namespace.

    Args:
        on_retry: Told why something is tried again; once, until something goes well.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        url: str,
        key: str,
        namespace: str,
        on_retry: Callable[[Passing], None],
    ) -> None:
        self._session = session
        self._on_retry = on_retry
        self._is_retrying = False
        self._url = url.rstrip("/") + "/graphql"
        self._headers = {"Authorization": f"Bearer {key}", "X-Namespace": namespace}

    async def find_bucket(self, name_or_id: str) -> dict[str, Any]:
        """Return ``{id, bucketName, bucketSchema}`` of a bucket.

        Raises:
            Refusal: There is none.
        """
        for variable in ("name", "id"):
            found = await self.execute(_READ_BUCKET, {variable: name_or_id})
            if found["bucket"] is not None:
                bucket: dict[str, Any] = found["bucket"]
                return bucket
        raise Refusal(f"there is no bucket {name_or_id!r}")

    async def execute(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of an operation; try again, for some seconds, what may pass.

        Raises:
            Refusal: The gateway refuses it, or gives no answer.
        """
        return await self.patiently(lambda: self.ask(text, variables))

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what ``work()`` gives; try again, after pauses that grow, what may pass.

        Raises:
            Refusal: It does not pass.
        """
        for pause_s in PAUSES_S:
            try:
                found = await work()
            except Passing as error:
                self._tell(error)
                await asyncio.sleep(pause_s)
            else:
                self._is_retrying = False
                return found
        return await work()

    async def ask(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of an operation, sent once.

        Raises:
            Passing: The gateway cannot answer now.
            Refusal: It refuses the operation.
        """
        body = {"query": text, "variables": variables}
        try:
            async with self._session.post(self._url, json=body, headers=self._headers) as answer:
                sent_back = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Passing(
                f"{self._url} gives no answer: {error or type(error).__name__}"
            ) from error
        try:
            read = json.loads(sent_back)
        except ValueError:
            read = None
        if not isinstance(read, dict) or not read.keys() & {"data", "errors"}:
            kind = kind_of(answer.status)
            raise kind(f"{self._url} answers {answer.status}, and not as a gateway does")
        for each in read.get("errors") or ():
            raise refusal_of(each)
        data: dict[str, Any] = read["data"]
        return data

    def _tell(self, why: Passing) -> None:
        if not self._is_retrying:
            self._is_retrying = True
            self._on_retry(why)


def kind_of(status: int) -> type[Refusal]:
    """Return what a status means that is not the gateway's own: that of a proxy may pass."""
    return Passing if status >= 500 or status in _PASSING_STATUSES else Refusal


def refusal_of(error: Mapping[str, Any]) -> Refusal:
    """Return what an error of GraphQL means to a command."""
    extensions = error.get("extensions") or {}
    may_pass = extensions.get("code") in PASSING_CODES or "retryAfter" in extensions
    return (Passing if may_pass else Refusal)(str(error.get("message")))

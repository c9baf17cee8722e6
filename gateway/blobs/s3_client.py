"""The one client that asks S3 for a gateway, and the credentials that it and its links have."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import NoCredentialsError

from gateway.blobs.s3_errors import asking
from gateway.blobs.s3_signing import Credentials, S3Signer
from gateway.errors import Unavailable

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 20.0  # without a byte; while it copies or joins, S3 sends blanks
ATTEMPTS = 4  # in all, with pauses that grow
CONNECTIONS = 50
_RENEW_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """Which bucket of which server, and who asks.

    Args:
        endpoint: The server's URL; empty: AWS.
        public_endpoint: Where clients of the gateway reach it; empty: there too.
        region: Empty: of the environment, or else us-east-1.
        access_key, secret_key: Empty: of the environment, as AWS's own tools find them: variables,
            files, the machine's role.
        addressing: The bucket in the ``path`` or in the host's name (``virtual``); empty: in the
            path, unless it is AWS.
        prefix: Stands before all keys, so that a bucket may be shared.
    """

    bucket: str
    endpoint: str = ""
    public_endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    addressing: str = ""
    prefix: str = ""

    @property
    def is_virtual(self) -> bool:
        """Whether the bucket is part of the host's name."""
        if self.addressing:
            return self.addressing == "virtual"
        # No certificate of AWS holds for names with more dots.
        return not self.endpoint and "." not in self.bucket


@asynccontextmanager
async def open_client(place: S3Place) -> AsyncIterator[tuple[Any, S3Signer]]:
    """Give aioboto3's client, kept open, and what signs for its bucket; nothing is asked of S3 yet.

    Raises:
        Unavailable: There are no credentials.
    """
    session = aioboto3.Session(
        aws_access_key_id=place.access_key or None,
        aws_secret_access_key=place.secret_key or None,
        region_name=place.region or None,
    )
    async with AsyncExitStack() as stack:
        async with asking():
            credentials = _Renewed(await session.get_credentials())
            await credentials.renew()
        client = await stack.enter_async_context(
            session.client(
                "s3",
                region_name=session.region_name or "us-east-1",
                endpoint_url=place.endpoint or None,
                config=AioConfig(
                    signature_version="s3v4",
                    s3={"addressing_style": "virtual" if place.is_virtual else "path"},
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    connect_timeout=CONNECT_TIMEOUT_S,
                    read_timeout=READ_TIMEOUT_S,
                    max_pool_connections=CONNECTIONS,
                    # Servers other than AWS's know less of the newer checksums than botocore does.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            )
        )
        signer = S3Signer(
            endpoint=place.public_endpoint or client.meta.endpoint_url,
            bucket=place.bucket,
            region=client.meta.region_name,
            virtual=place.is_virtual,
            credentials=lambda: credentials.current,
        )
        renewing = asyncio.create_task(credentials.keep_renewing())
        try:
            yield client, signer
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing


class _Renewed:
    """The credentials that URLs are signed with; those of a machine's role change by the hour."""

    current: Credentials

    def __init__(self, source: Any) -> None:
        if source is None:
            raise NoCredentialsError
        self._source = source

    async def renew(self) -> None:
        found = await self._source.get_frozen_credentials()
        self.current = Credentials(found.access_key, found.secret_key, found.token)

    async def keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY_S)
            with contextlib.suppress(Unavailable):
                async with asking():
                    await self.renew()

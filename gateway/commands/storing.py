"""Where a gateway keeps bytes: S3 if that is set up, else the state folder."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner, load_secret
from gateway.blobs.store import BlobStore
from gateway.database.state import CannotStart, StateFolder
from gateway.errors import Unavailable
from gateway.settings import Settings

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_blobs(
    settings: Settings, folder: StateFolder, *, public_url: str
) -> AsyncIterator[BlobStore]:
    """Give the blob store that the settings name.

    Args:
        public_url: Where clients reach the gateway, for links to bytes in the state folder.

    Raises:
        CannotStart: The secret for links is damaged.
        Unavailable: The folder cannot be made; there are no credentials for S3.
    """
    if not settings.s3_bucket:
        yield LocalBlobStore(
            folder.path / "blobs", UrlSigner(_load_secret(folder), public_url=public_url)
        )
        return

    from gateway.blobs.s3 import open_s3  # a second or two, and 23 MB
    from gateway.blobs.s3_client import S3Place

    place = S3Place(
        bucket=settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        public_endpoint=settings.s3_public_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        addressing=settings.s3_addressing,
        prefix=settings.s3_prefix,
    )
    async with open_s3(place) as store:
        try:
            await store.check()
        except Unavailable as error:
            # No reason not to start: what needs no bytes works, and S3 may come back.
            logger.warning("%s; until it does, what needs bytes is refused", error)
        yield store


def _load_secret(folder: StateFolder) -> bytes:
    try:
        return load_secret(folder.path / "links.key")
    except ValueError as error:
        raise CannotStart(str(error)) from error

"""What S3 answers, and what it does not, in the words that callers of a store know."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from gateway.errors import Unavailable

logger = logging.getLogger(__name__)

PATIENCE_S = 60.0  # for one operation with all its attempts
CHECK_PATIENCE_S = 10.0
LONG_PATIENCE_S = 900.0  # to copy or join gigabytes

MISSING = ("404", "NoSuchKey", "NotFound")
_NO_BUCKET = ("404", "NoSuchBucket", "NotFound")
_REFUSED = (
    "403",
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
)


def code(error: ClientError) -> str:
    """Return what S3 calls an error, or its status."""
    found: str = error.response.get("Error", {}).get("Code", "")
    return found


@asynccontextmanager
async def asking(patience_s: float = PATIENCE_S) -> AsyncIterator[None]:
    """Turn what a request to S3 raises into what callers of a store know."""
    try:
        async with asyncio.timeout(patience_s):
            yield
    except (BotoCoreError, ClientError, aiohttp.ClientError, OSError) as error:
        message = _explained(error)
        logger.warning("%s (%s)", message, error)
        raise Unavailable(message) from error


def _explained(error: Exception) -> str:
    """Return what went wrong in words that name neither place nor secret: callers see them."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return (
            "there are no credentials for the blob store; set GATEWAY_S3_ACCESS_KEY and"
            " GATEWAY_S3_SECRET_KEY"
        )
    if isinstance(error, ClientError):
        if code(error) in _REFUSED:
            return "the blob store refuses the gateway's credentials"
        if code(error) in _NO_BUCKET:
            return "the blob store does not have the gateway's bucket"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if status < 500:
            return f"the blob store refuses what the gateway asks ({code(error)})"
    return "the blob store gives no answer; try again"

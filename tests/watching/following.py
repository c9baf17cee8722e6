"""Follows a bucket with the Python of docs/subscriptions.md, as tests/npm/follow.mjs does on Node.

It is a program of its own: FOLDER has what was extracted.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import sys
from typing import Any

import aiohttp
from gql import gql
from gql.transport.exceptions import TransportQueryError

FOLDER, URL, BUCKET, STATE, EVENTS = (
    os.environ[name] for name in ("FOLDER", "ASKED_URL", "BUCKET", "STATE", "EVENTS")
)
HEADERS = json.loads(os.environ["ASKED_HEADERS"])


def tell(what: Any) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - what it is for


class Told(logging.Handler):
    """Tells of what is logged, too."""

    def emit(self, record: logging.LogRecord) -> None:
        tell({"error": record.getMessage()})


async def main() -> None:
    logging.getLogger().addHandler(Told())
    sys.path.insert(0, FOLDER)
    follow = importlib.import_module("follow").follow
    start = os.environ.get("START")
    fails = os.environ.get("FAILS") == "once"

    async def read() -> str:
        nonlocal start, fails
        if fails:
            fails = False
            raise ConnectionRefusedError("the gateway is away")
        body = {"query": STATE, "variables": {"bucket": BUCKET}}
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.post(URL, json=body) as answer,
        ):
            data = (await answer.json())["data"]
        tell({"read": len(data["bucket"]["objects"]["nodes"])})
        after, start = start or data["viewer"]["eventCursor"], None
        cursor: str = after
        return cursor

    filter = {"bucketIds": [BUCKET], "kinds": ["OBJECT"]}
    url = URL.replace("http", "ws", 1)
    try:
        async for event in follow(url, HEADERS, gql(EVENTS), read, filter=filter):
            tell(event)
    except TransportQueryError as error:
        tell({"error": str(error)})


if __name__ == "__main__":
    asyncio.run(main())

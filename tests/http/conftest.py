"""A whole gateway behind a real port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.app import CONNECTIONS, SCHEMA, make_app
from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.database.pool import Database
from gateway.http.front import FrontRunner
from gateway.http.live.open_connections import OpenConnections
from gateway.namespaces.first_key import ensure_default
from gateway.schema import GatewaySchema
from gateway.settings import Settings
from tests.auditing import audited_once as audited_once  # the fixture


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway that listens, and a session to ask it with."""

    url: str
    secret: str
    session: aiohttp.ClientSession
    blob_folder: Path
    schema: GatewaySchema
    connections: OpenConnections

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}", "X-Namespace": "default"}

    async def post(self, body: Any = None, **kwargs: Any) -> tuple[int, Any]:
        """Return the status and the JSON of an answer."""
        headers = self.headers | kwargs.pop("headers", {})
        if body is not None:
            kwargs["json"] = body
        async with self.session.post(f"{self.url}/graphql", headers=headers, **kwargs) as answer:
            return answer.status, await answer.json()


Serving = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
async def serving(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """Serves with other settings."""
    return partial(serve, database, tmp_path_factory.mktemp("served"))


@pytest.fixture
async def served(serving: Serving) -> AsyncIterator[Served]:
    async with serving(Settings(max_body_bytes=100_000)) as served:
        yield served


@asynccontextmanager
async def run(app: web.Application) -> AsyncIterator[str]:
    """Listen as `gateway serve` does; give the address. aiohttp's test server cancels handlers."""
    runner = FrontRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve(
    database: Database, folder: Path, settings: Settings, **parts: Any
) -> AsyncIterator[Served]:
    """Serve a database; its first key, made here, may use all namespaces."""
    first = await ensure_default(database, folder / "dev-key")
    signer = UrlSigner(b"k" * 32, public_url="http://gateway")
    blobs = LocalBlobStore(folder / "blobs", signer)
    app = make_app(settings=settings, database=database, blobs=blobs, **parts)
    async with run(app) as url, aiohttp.ClientSession() as session:
        yield Served(url, first.secret, session, folder / "blobs", app[SCHEMA], app[CONNECTIONS])

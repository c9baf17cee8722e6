from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from multidict import CIMultiDictProxy
from yarl import URL

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.blobs.store import BlobStore, UploadTarget
from gateway.http.blobs import blob_routes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class Browser:
    """Follows links as a client of the gateway does, with no key."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def get(self, url: str, **headers: str) -> Answer:
        return await self._ask("GET", url, b"", headers)

    async def put(self, target: UploadTarget, body: bytes, **changed: str) -> int:
        """Send ``body``; return the status."""
        changed = {name.replace("_", "-"): value for name, value in changed.items()}
        headers = {**target.headers, **changed}
        return (await self._ask("PUT", target.url, body, headers)).status

    async def _ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=BytesIO(body) if body else None,
            headers=headers,
            skip_auto_headers=["Content-Type"],
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with ClientSession() as session:
        yield Browser(session)


@pytest.fixture
async def local_store(tmp_path: Path) -> AsyncIterator[LocalBlobStore]:
    """A folder, with its links served on a real port."""
    listening = socket.create_server(("127.0.0.1", 0))
    signer = UrlSigner(b"secret", public_url=f"http://127.0.0.1:{listening.getsockname()[1]}")
    store = LocalBlobStore(tmp_path / "blobs", signer)
    app = web.Application(client_max_size=1000)  # which is for GraphQL's requests alone
    app.add_routes(blob_routes(store))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    yield store
    await runner.cleanup()


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> BlobStore:
    """Each kind of store in turn: what holds of one has to hold of the other."""
    store: BlobStore = request.getfixturevalue(f"{request.param}_store")
    return store

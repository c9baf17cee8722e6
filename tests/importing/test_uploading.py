from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway import remote
from gateway.importing.api import Api
from gateway.importing.files import look
from gateway.importing.journal import Journal
from gateway.importing.report import Report
from gateway.importing.uploading import Uploader
from gateway.remote import Passing


async def test_an_outage_does_not_make_an_import_forget_what_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0,))
    path = tmp_path / "large.bin"
    path.write_bytes(b"large")
    file = look(path, "large.bin")
    journal = Journal(tmp_path / "journal.json")
    journal.begin("large.bin", file.sha256, "upl_1")
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((await request.json())["query"])
        error = {"message": "away", "extensions": {"code": "UNAVAILABLE"}}
        return web.json_response({"errors": [error]})

    app = web.Application()
    app.router.add_post("/graphql", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        api = Api(
            session,
            url=str(server.make_url("")),
            key="sk_1",
            namespace="default",
            on_retry=lambda _: None,
        )
        uploader = Uploader(
            api,
            bucket_id="bkt_1",
            report=Report(),
            journal=journal,
            jobs=1,
            on_progress=lambda *_: None,
        )
        with pytest.raises(Passing, match="away"):
            await uploader.upload(file)

    assert ["refreshUpload" in each for each in asked] == [True, True]
    assert journal.find("large.bin", file.sha256) == "upl_1"

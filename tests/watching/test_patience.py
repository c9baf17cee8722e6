"""How long a watch waits for a gateway that cannot answer."""

from __future__ import annotations

import pytest

from gateway import remote
from gateway.watching import following
from gateway.watching.api import WatchedGateway
from tests.importing.test_api import BUCKET, find_bucket, refused


async def test_a_watch_waits_longer_than_an_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_FIRST_PAUSE_S", 0)
    away = [refused("UNAVAILABLE")] * 10 * len(remote.PAUSES_S)

    found, told = await find_bucket(*away, {"data": {"bucket": BUCKET}}, kind=WatchedGateway)

    assert found == BUCKET
    assert told == ["UNAVAILABLE"]


async def test_a_refusal_is_told_at_once() -> None:
    with pytest.raises(remote.Refusal, match="FORBIDDEN"):
        await find_bucket(refused("FORBIDDEN"), kind=WatchedGateway)

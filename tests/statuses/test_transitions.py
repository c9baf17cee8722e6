from __future__ import annotations

from tests.client import Client


async def test_tells_every_legal_move(client: Client) -> None:
    found = await client.execute("{ statusTransitions { kind from to } }")

    moves = {(each["kind"], each["from"]): each["to"] for each in found["statusTransitions"]}
    assert len(moves) == len(found["statusTransitions"])
    assert {kind for kind, _ in moves} == {"BUCKET", "OBJECT", "DOCUMENT", "UPLOAD"}
    assert moves["OBJECT", "DRAFT"] == ["PENDING", "QUEUED"]
    assert moves["BUCKET", "IN_PROGRESS"] == []
    assert moves["DOCUMENT", "COMPLETED"] == ["QUEUED"]

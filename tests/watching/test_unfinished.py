"""What goes on, kept by events of which some are in what was read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.watching.unfinished import Unfinished


def event(
    version: int, status: str | None, event: str = "STATUS_CHANGED", kind: str = "OBJECT"
) -> dict[str, Any]:
    return {"nodeId": "n", "version": version, "status": status, "event": event, "kind": kind}


async def unfinished(**nodes: int) -> Unfinished:
    async def read() -> AsyncIterator[tuple[str, int]]:
        for each in nodes.items():
            yield each

    found = Unfinished()
    await found.read(read())
    return found


@pytest.mark.parametrize(
    ("last", "is_empty"),
    [
        (event(4, "COMPLETED"), True),
        (event(4, "FAILED"), True),
        (event(4, None, "DELETED"), True),
        (event(4, "PROCESSING"), False),
        (event(3, "COMPLETED"), False),  # what was read came after it
        (event(4, "COMPLETED", kind="UPLOAD"), False),
    ],
)
async def test_lets_go_of_what_comes_to_an_end(last: dict[str, Any], is_empty: bool) -> None:
    found = await unfinished(n=3)
    found.take(last)

    assert found.is_empty is is_empty


async def test_what_was_at_an_end_when_it_was_read_goes_on_until_its_last_event() -> None:
    found = await unfinished()
    found.take(event(1, "DRAFT", "CREATED"))
    assert not found.is_empty
    found.take(event(2, "COMPLETED"))
    assert found.is_empty
    found.take(event(3, "QUEUED"))
    assert not found.is_empty


async def test_what_is_read_anew_takes_the_place_of_what_was() -> None:
    found = await unfinished(gone=1)

    async def nothing() -> AsyncIterator[tuple[str, int]]:
        return
        yield

    await found.read(nothing())

    assert found.is_empty

"""Large work does not hold up the event loop."""

from __future__ import annotations

import threading

import pytest

from gateway.threads import LIGHT, off_loop


@pytest.mark.parametrize(
    "given",
    [
        None,
        {"a": [1, 2.5, True, None, "text"]},
        "x" * (LIGHT - 1),
    ],
)
async def test_small_work_is_done_at_once(given: object) -> None:
    assert await off_loop(given, threading.current_thread) is threading.main_thread()


@pytest.mark.parametrize(
    "given",
    ["x" * LIGHT, [0] * LIGHT, {"a": {"b": ["x" * LIGHT]}}, {"x" * LIGHT: 1}],
)
async def test_large_work_goes_to_a_thread(given: object) -> None:
    assert await off_loop(given, threading.current_thread) is not threading.main_thread()

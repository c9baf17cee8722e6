"""What the log says of connections that aiohttp's client has lost."""

from __future__ import annotations

import logging

import pytest
from aiohttp import ClientConnectionResetError

from gateway.commands import log_lines


@pytest.mark.parametrize(
    ("error", "keeps_traceback"),
    [(ClientConnectionResetError("closing"), False), (ZeroDivisionError("zero"), True)],
)
def test_a_loss_is_one_line_and_a_fault_is_whole(error: Exception, keeps_traceback: bool) -> None:
    record = logging.LogRecord(
        "asyncio", logging.ERROR, "", 0, "never retrieved", (), (type(error), error, None)
    )

    assert log_lines._loss_in_one_line(record)

    assert bool(record.exc_info) is keeps_traceback
    assert keeps_traceback or record.getMessage() == "never retrieved: closing"

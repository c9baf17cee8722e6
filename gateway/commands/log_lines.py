"""Which lines `gateway serve` logs, and how those of the packages beneath it are shortened."""

from __future__ import annotations

import logging
import sys

from aiohttp import ClientConnectionError
from aiohttp.http_exceptions import HttpProcessingError

from gateway.observing import logs
from gateway.settings import Settings


def set_up(settings: Settings) -> None:
    """Log as the settings say; what others tell at length, in a line."""
    logs.set_up(
        format=settings.log_format,
        level=settings.log_level,
        stream=sys.stderr,
        secrets=settings.secrets,
    )
    # While the database is away it repeats itself every few seconds, each time with a traceback.
    logging.getLogger("asyncpg.pool").addFilter(_in_one_line)
    logging.getLogger("asyncio").addFilter(_loss_in_one_line)
    logging.getLogger("aiohttp.server").addFilter(_junk_aside)
    # It warns of each socket with another subprotocol, and the client is told that already.
    logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)


def _in_one_line(record: logging.LogRecord) -> bool:
    if record.exc_info:
        record.msg = f"{record.getMessage()}: {record.exc_info[1]}"
        record.args, record.exc_info = (), None
    return True


def _loss_in_one_line(record: logging.LogRecord) -> bool:
    """Shorten what is said of a task of aiohttp's client whose server went away.

    Nobody waits for that task, and who sent the request is told. A fault keeps its traceback.
    """
    is_loss = record.exc_info and isinstance(record.exc_info[1], ClientConnectionError)
    return _in_one_line(record) if is_loss else True


def _junk_aside(record: logging.LogRecord) -> bool:
    """Tell of requests that are no HTTP to those alone who want to know all, each in a line.

    Anybody can send them, as many as they like. A fault keeps its traceback.
    """
    if not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)):
        return True
    record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
    return logging.getLogger("gateway").isEnabledFor(logging.INFO) and _in_one_line(record)

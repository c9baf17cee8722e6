"""How logs are written: lines for people, or JSON for machines."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from gateway.observing import notes
from gateway.observing.redacting import Redaction

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
# Beside the message, and in JSON of its own: logger.warning(…, extra={FIELDS: {…}}).
FIELDS = "fields"


class TextLines(logging.Formatter):
    """A line for people; an exception follows it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s%(request)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        id = notes.request_id()
        record.request = f" (request {id})" if id else ""
        return super().format(record)


class JsonLines(logging.Formatter):
    """One object in one line, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if id := notes.request_id():
            told["request_id"] = id
        if (known := notes.current()) and known.trace:
            told["trace_id"], told["span_id"] = known.trace
        told |= getattr(record, FIELDS, {})
        if record.exc_info:
            told["exception"] = record.exc_text or self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = record.stack_info
        return orjson.dumps(told, default=str).decode()


def set_up(
    *, format: str = "", level: str = "warning", stream: TextIO, secrets: Iterable[str] = ()
) -> logging.Handler:
    """Write what is logged to a stream, without secrets.

    Args:
        format: One of ``FORMATS``; empty: text on a terminal, JSON elsewhere.
        level: One of ``LEVELS``, for what the gateway itself logs. Libraries are heard from
            warnings on: what botocore says of its work is full of signatures.
        secrets: Values that must not be shown, besides what looks like a secret.
    """
    is_text = format == "text" or (not format and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextLines() if is_text else JsonLines())
    handler.addFilter(Redaction(secrets))
    logging.getLogger().addHandler(handler)
    logging.getLogger("gateway").setLevel(level.upper())
    logging.captureWarnings(True)
    return handler

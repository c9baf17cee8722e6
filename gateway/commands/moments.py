"""Moments as people write them on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(rf"(\d{{1,6}})([{''.join(_UNITS)}])")


def moment_ahead(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """Return the moment that a span from now tells, or a date."""
    return _read(text, 1)


def moment_ago(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """Return the moment that a span until now tells, or a date."""
    return _read(text, -1)


def _read(text: str | None, sign: int) -> datetime | None:
    if text is None:
        return None
    try:
        if span := _SPAN.fullmatch(text):
            return datetime.now(UTC) + sign * timedelta(**{_UNITS[span[2]]: int(span[1])})
        told = datetime.fromisoformat(text)
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is neither a span like 12h or 30d nor a date like 2030-01-31"
        ) from None

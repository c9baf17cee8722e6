"""The schema's own scalars, and the Python types that stand for them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

# The largest integer that a double, and so every JSON reader, holds exactly.
LARGEST_EXACT_INTEGER = 2**53 - 1

JSON = NewType("JSON", object)
BigInt = NewType("BigInt", int)
Sha256 = NewType("Sha256", str)

_OFFSET = "+00:00"
_SHA256 = re.compile(r"[0-9a-f]{64}")
# fromisoformat alone would take days without a time, week dates and moments without an offset.
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class UnreadableValue(ValueError):
    """A value that a scalar does not take; the message is for callers."""


def write_moment(moment: datetime) -> str:
    """Return a moment as PostgreSQL's JSON writes it, so that both roads give the same text."""
    text = moment.astimezone(UTC).isoformat()
    seconds, point, fraction = text.removesuffix(_OFFSET).partition(".")
    return f"{seconds}{point}{fraction.rstrip('0')}{_OFFSET}"


def read_moment(text: object) -> datetime:
    """Return the moment that an RFC 3339 text tells."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise UnreadableValue("a DateTime is written as in 2026-11-21T22:04:12Z (RFC 3339)")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableValue("this DateTime is not in the calendar") from None


def _read_big_int(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnreadableValue("a BigInt is a whole number")
    if abs(value) > LARGEST_EXACT_INTEGER:
        raise UnreadableValue(f"a BigInt is at most {LARGEST_EXACT_INTEGER}")
    return value


def _read_sha256(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise UnreadableValue("a Sha256 is 64 lower-case hexadecimal digits")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, as in 2026-11-21T22:04:12Z (RFC 3339).",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=write_moment,
        parse_value=read_moment,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number up to 2^53 - 1 (sizes, counts), written as a JSON number.",
        parse_value=_read_big_int,
    ),
    Sha256: strawberry.scalar(
        name="Sha256",
        description="A SHA-256 as 64 lower-case hexadecimal digits.",
        parse_value=_read_sha256,
    ),
}

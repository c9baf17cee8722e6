"""The status of an API key, which no column keeps: that a key expires is a matter of time alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, func

from gateway.enums import KeyStatus


def status_of(key: Any) -> ColumnElement[str]:
    """Return the status as SQL over the columns of a key's row."""
    return case(
        (key.revoked_at.is_not(None), KeyStatus.REVOKED.value),
        (key.expires_at <= func.now(), KeyStatus.EXPIRED.value),
        else_=KeyStatus.ACTIVE.value,
    )

"""How long keys that are in use still work."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from sqlalchemy import ARRAY, Float, LargeBinary, any_, bindparam, cast, extract, func, select

from gateway.database.pool import Database
from gateway.database.statements import compiled
from gateway.namespaces.tables import ApiKeyRow

_REMAINING = select(
    ApiKeyRow.secret_sha256,
    # The database tells how long: the clock of this machine may be wrong.
    cast(extract("epoch", ApiKeyRow.expires_at - func.now()), Float).label("remaining_s"),
).where(
    ApiKeyRow.secret_sha256 == any_(bindparam("digests", type_=ARRAY(LargeBinary))),
    ApiKeyRow.revoked_at.is_(None),
)


async def remaining_s(database: Database, digests: Sequence[bytes]) -> dict[bytes, float]:
    """Return for how many seconds each of the secrets still works; those that do not are left out.

    Raises:
        Unavailable: The database gives no answer.
    """
    statement = compiled(_REMAINING)
    async with database.connection() as connection:
        rows = await connection.fetch(
            statement.sql, *statement.arguments({"digests": list(digests)})
        )
    found = {
        row["secret_sha256"]: inf if row["remaining_s"] is None else row["remaining_s"]
        for row in rows
    }
    return {digest: seconds for digest, seconds in found.items() if seconds > 0}

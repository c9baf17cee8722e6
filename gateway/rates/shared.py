"""Buckets that several gateways share through PostgreSQL, without a request that waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from asyncpg import Record
from sqlalchemy import ARRAY, Double, Text, bindparam, text

from gateway.database.pool import Database
from gateway.database.statements import compiled
from gateway.errors import Unavailable
from gateway.rates.buckets import MOST_KEPT, Buckets

logger = logging.getLogger(__name__)

TELL_EVERY_S = 0.25
# What a subject has spent is told once it is this part of what it gets in the meantime.
TOLD_PART = 0.05
# How far beyond empty a bucket may be: what many gateways gave away before they told one another.
MOST_DEBT_S = 60.0

# In the order of keys, so that no two gateways wait for one another.
_SPEND = text("""
    INSERT INTO key_rates AS kept (key_id, full_at)
    SELECT key_id, now() + make_interval(secs => seconds)
    FROM unnest(:subjects, :seconds) AS spent (key_id, seconds) ORDER BY key_id
    ON CONFLICT (key_id) DO UPDATE SET full_at = least(
        greatest(kept.full_at, now()) + (excluded.full_at - now()),
        now() + make_interval(secs => :most_s)
    )
    RETURNING key_id, extract(epoch FROM full_at - now())::float8 AS ahead_s
""").bindparams(
    bindparam("subjects", type_=ARRAY(Text)),
    bindparam("seconds", type_=ARRAY(Double)),
    bindparam("most_s", type_=Double),
)


class SharedBuckets(Buckets):
    """Buckets of this process that learn, several times a second, what others have taken.

    A request asks this process alone. What it takes is told to PostgreSQL in the background, one
    statement for all subjects, and what all have taken together comes back. In between each gateway
    gives what it believes to be there. So of several gateways a subject may get more at once than
    the burst; it pays for that afterwards, and in the long run gets the rate, of all together.

    While the database is away, each gateway counts for itself.
    """

    def __init__(
        self,
        per_s: float,
        burst: float,
        *,
        database: Database,
        most: int = MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(per_s, burst, most=most, clock=clock)
        self._database = database
        self._spent: dict[str, int] = {}
        self._worth_telling = per_s * TELL_EVERY_S * TOLD_PART

    def take(self, subject: str) -> float:
        """Take a token.

        Returns:
            As ``Buckets.take``.
        """
        wait_s = super().take(subject)
        if not wait_s:
            self._spent[subject] = self._spent.get(subject, 0) + 1
        return wait_s

    async def run(self) -> None:
        """Tell and learn until cancelled; failures are logged once, and tried again."""
        is_alone = False
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            try:
                await self.tell()
                is_alone = False
            except Exception as error:
                if not is_alone:
                    is_fault = not isinstance(error, Unavailable)
                    logger.warning(
                        "rates are counted by this gateway alone: %s", error, exc_info=is_fault
                    )
                is_alone = True

    async def tell(self) -> None:
        """Tell what was taken, and learn what is left.

        Raises:
            Unavailable: The database gives no answer; what was taken is told the next time.
        """
        told = {
            subject: count for subject, count in self._spent.items() if count >= self._worth_telling
        }
        if not told:
            return
        for subject in told:
            del self._spent[subject]
        try:
            rows = await self._spend({each: told[each] * self._each_s for each in told})
        except BaseException:
            for subject, count in told.items():
                self._spent[subject] = self._spent.get(subject, 0) + count
            raise
        now = self._clock()
        for row in rows:
            subject = row["key_id"]
            since_s = self._spent.get(subject, 0) * self._each_s
            self._keep(subject, now + row["ahead_s"] + since_s, now)

    async def _spend(self, seconds: Mapping[str, float]) -> list[Record]:
        statement = compiled(_SPEND)
        values = {
            "subjects": list(seconds),
            "seconds": list(seconds.values()),
            "most_s": self.fill_s + MOST_DEBT_S,
        }
        async with self._database.connection() as connection:
            return await connection.fetch(statement.sql, *statement.arguments(values))

"""Which of asyncpg's failures are the server's, and no fault of what was asked."""

from __future__ import annotations

import asyncpg

# A server that is the primary no more, or not yet.
TAKES_NO_CHANGES = asyncpg.ReadOnlySQLTransactionError
# What passes by itself: the server stops, starts, is full, or undid one of two transactions.
_PASSING = (
    TAKES_NO_CHANGES,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidCachedStatementError,  # a migration changed the table; asyncpg now knows
    asyncpg.OutdatedSchemaCacheError,
    TimeoutError,
)
# What may come of a connection's end, or of a fault of ours.
_PERHAPS_LOST = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
ANY_FAILURE = (*_PERHAPS_LOST, asyncpg.PostgresError)


def is_outage(error: BaseException, connection: asyncpg.Connection) -> bool:
    """Tell whether it happened to the server or on the way to it, or passes by itself."""
    return isinstance(error, _PASSING) or (
        isinstance(error, _PERHAPS_LOST) and connection.is_closed()
    )

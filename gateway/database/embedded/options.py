"""PostgreSQL's own settings, for serving and for tests."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.database.embedded.binaries import Binaries

STATEMENT_STATISTICS = "pg_stat_statements"

SERVING = {
    "shared_buffers": "128MB",
    "max_connections": "100",
    "jit": "off",  # nested reads: 3 ms against 219 ms with it
    "shared_preload_libraries": STATEMENT_STATISTICS,
}
# A test's data need not survive the machine.
TESTING = {
    "shared_buffers": "64MB",
    "max_connections": "100",
    "jit": "off",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "deadlock_timeout": "50ms",
    "shared_preload_libraries": STATEMENT_STATISTICS,
}
_ALWAYS = {
    "listen_addresses": "",  # the socket, in a folder of our own, is the only way in
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # No errors of statements: their callers get them. A refused INSERT is everyday work here, and
    # would fill the disk, and a file that nobody guards, with clients' data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
}


def options(settings: Mapping[str, str], binaries: Binaries) -> list[str]:
    """Return the settings as options of the server, less what these binaries lack."""
    chosen = {**_ALWAYS, **settings}
    if not binaries.has_library(chosen.get("shared_preload_libraries", "")):
        chosen.pop("shared_preload_libraries", None)
    return [text for each in chosen.items() for text in ("-c", "=".join(each))]

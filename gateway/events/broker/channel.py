"""Where the gateways on one database meet at a broker, and what they send each other there."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from typing import Any

import asyncpg
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.events.log import NEW_COLUMNS, Batch, LogRow

SUBJECTS = "gateway.events"
_NONCE = 12

# A copy of a database has the same key, the server's id and all that is in its tables, and goes on
# by itself with the same numbers. But it is served by another server, or is another database of it.
_WHAT_THIS_IS = """
SELECT key, concat_ws(' ', (SELECT system_identifier FROM pg_control_system()),
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    extract(epoch FROM pg_postmaster_start_time())) AS server
FROM event_cursor_keys
"""


class Channel:
    """A subject that only the gateways on one database can use.

    What is sent has events of all namespaces, so it is encrypted with a key that comes from the
    database. That it can be read also proves that one of these gateways sent it.

    Args:
        key: Of the database.
        server: What is different of its copies.
    """

    def __init__(self, key: bytes, server: str) -> None:
        # Gateways of another release may have other columns: they do not understand each other.
        named = " ".join((server, *NEW_COLUMNS)).encode()
        subject, secret = (
            hashlib.blake2b(named, key=key, person=purpose, digest_size=32)
            for purpose in (b"gateway subject", b"gateway secret")
        )
        self.subject = f"{SUBJECTS}.{subject.hexdigest()[:32]}"
        self._cipher = AESGCM(secret.digest())

    def seal(self, batch: Batch) -> bytes:
        """Return a batch as it is sent."""
        rows = [[row[name] for name in NEW_COLUMNS] for row in batch.rows]
        # Two of 2**32 messages under one key have the same nonce with a chance of 1 in 2**33, and
        # the key is another each time that the server is started.
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, orjson.dumps([batch.epoch, rows]), None)

    def open(self, sealed: bytes) -> Batch | None:
        """Return the batch that was sent; None: no gateway on this database sent that."""
        try:
            text = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
        except (InvalidTag, ValueError):
            return None
        epoch, rows = orjson.loads(text)
        return Batch(epoch, [_row(values) for values in rows])


def _row(values: list[Any]) -> LogRow:
    row = dict(zip(NEW_COLUMNS, values, strict=True))
    row["at"] = datetime.fromisoformat(row["at"])
    return row


async def find_channel(connection: asyncpg.Connection) -> Channel:
    """Return the channel of the database that a connection is to."""
    (found,) = await connection.fetch(_WHAT_THIS_IS)
    return Channel(found["key"], found["server"])

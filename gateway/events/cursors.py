"""Cursors of events: places in the log that clients keep, and can neither read nor make.

A place is a number among the events of all namespaces, and the epoch in which it was given
(decision 0019). It is encrypted, so that nobody learns from it how much goes on elsewhere, and it
names its namespace, so that it is of no use in another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, NewType

from sqlalchemy import LargeBinary, column, select, table

from gateway.database.pool import Database
from gateway.errors import BadUserInput
from gateway.scalars import UnreadableValue

EventCursor = NewType("EventCursor", str)

_KEY = select(column("key", LargeBinary)).select_from(table("event_cursor_keys"))
_BLOCK = 16
_TAG = 6
_EPOCH = 4


class EventPosition(NamedTuple):
    """A place in the log: all events up to ``seq``, as numbered in ``epoch``, lie behind it."""

    tag: bytes
    epoch: int
    seq: int

    def require(self, namespace_id: str, name: str = "after") -> None:
        """Return if the place is one of a namespace's.

        Raises:
            BadUserInput: it is another's, or was made up; ``name`` is the argument's.
        """
        if self.tag != _tag_of(namespace_id):
            raise BadUserInput(
                f"{name} is no event cursor of this namespace; pass one that this namespace gave"
            )


class _Cipher(NamedTuple):
    """What turns the block of a place into that of a cursor, and back."""

    encrypt: Callable[[bytes], bytes]
    decrypt: Callable[[bytes], bytes]


def _cipher_of(key: bytes) -> _Cipher:
    # Loaded with the first cursor, for it takes 6 MB: many gateways have no subscribers.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    # A cursor is one block of its own, random to whoever lacks the key: chaining has nothing to
    # chain, and the same place always has the same cursor.
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305
    return _Cipher(cipher.encryptor().update, cipher.decryptor().update)


class EventCursors:
    """Writes and reads cursors, with the key that all gateways on a database share."""

    def __init__(self) -> None:
        self._use(bytes(32))

    async def load(self, database: Database) -> None:
        """Take the database's key; cursors can be neither written nor read before.

        Raises:
            Unavailable: PostgreSQL gives no answer.
        """
        async with database.transaction() as tx:
            self._use(await tx.value(_KEY))

    def _use(self, key: bytes) -> None:
        self._key = key
        self._made: _Cipher | None = None

    def _cipher(self) -> _Cipher:
        if self._made is None:
            self._made = _cipher_of(self._key)
        return self._made

    def write(self, namespace_id: str, epoch: int, seq: int) -> EventCursor:
        """Return the cursor of a place."""
        place = (
            _tag_of(namespace_id) + epoch.to_bytes(_EPOCH) + seq.to_bytes(_BLOCK - _TAG - _EPOCH)
        )
        text = base64.urlsafe_b64encode(self._cipher().encrypt(place)).rstrip(b"=").decode()
        return EventCursor(text)

    def read(self, text: object) -> EventPosition:
        """Return the place of a cursor.

        Raises:
            UnreadableValue: a cursor does not look like this.
        """
        try:
            block = base64.b64decode(f"{text}==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            block = b""
        if not isinstance(text, str) or len(block) != _BLOCK:
            raise UnreadableValue("this is no event cursor; pass one that the gateway gave")
        place = self._cipher().decrypt(block)
        epoch_end = _TAG + _EPOCH
        return EventPosition(
            place[:_TAG],
            int.from_bytes(place[_TAG:epoch_end]),
            int.from_bytes(place[epoch_end:]),
        )


@lru_cache(maxsize=1024)
def _tag_of(namespace_id: str) -> bytes:
    return hashlib.sha256(namespace_id.encode()).digest()[:_TAG]

"""What one request carries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.blobs.store import BlobStore
from gateway.caller import Caller
from gateway.database.pool import Database
from gateway.database.transaction import Transaction
from gateway.fetching.fetcher import Fetcher
from gateway.limits import Limits
from gateway.planner.reader import Reader

if TYPE_CHECKING:  # concepts stand above the context
    from gateway.events.cursors import EventCursors
    from gateway.housekeeping import Housekeeper
    from gateway.idempotency.attempt import Attempt
    from gateway.namespaces.authentication import Authenticator


@dataclass(slots=True)
class Context:
    """The caller, and the parts of the gateway that resolvers use."""

    caller: Caller
    database: Database
    reader: Reader
    blobs: BlobStore
    fetcher: Fetcher
    limits: Limits
    authenticator: Authenticator
    cursors: EventCursors
    housekeeper: Housekeeper
    # Of the client; empty where nobody is at the other end of a connection.
    address: str = ""
    # What the header Idempotency-Key says.
    idempotency_key: str | None = None
    # Whether answers say what they cost.
    reports_cost: bool = False
    # The run of a mutation that has a key.
    attempt: Attempt | None = None

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open the transaction of a change in the caller's namespace.

        What takes long is done before it, and what is only looked at for that, in a transaction of
        ``database``: with an idempotency key, this one stays open until the payload is known.
        """
        if self.attempt is not None:
            return self.attempt.transaction()
        return self.database.transaction(self.caller.namespace_id)

    def once_committed(self, call: Callable[[], None]) -> None:
        """Call a function after the commit of the transaction whose block has just ended."""
        if self.attempt is not None:
            self.attempt.once_committed(call)
        else:
            call()

    def wake_housekeeper(self, hashes: Iterable[str] = ()) -> None:
        """Tell of a deletion in the caller's namespace, once it is committed."""
        namespace_id = self.caller.namespace_id
        self.once_committed(lambda: self.housekeeper.wake(namespace_id, hashes))

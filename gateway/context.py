"""What one request carries."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.blobs.store import BlobStore
from gateway.caller import Caller
from gateway.database.pool import Database, Transaction
from gateway.fetching.fetcher import Fetcher
from gateway.limits import Limits
from gateway.planner.reader import Reader

if TYPE_CHECKING:  # concepts stand above the context
    from gateway.housekeeping import Housekeeper
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
    housekeeper: Housekeeper
    # What a socket sent in connection_init; the view authenticates it there.
    connection_params: object = None

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction in the caller's namespace."""
        return self.database.transaction(self.caller.namespace_id)

"""Why a connection is closed: the codes of websockets, which clients branch on.

npm's graphql-ws gives up for good on 4400, 4401, 4406, 4409, 4429 and 1011; on 4403, 4408, 1012 and
1013 it comes again, waiting longer each time.
"""

from __future__ import annotations

from typing import NamedTuple


class Farewell(NamedTuple):
    """The last a client hears; the reason is for people."""

    code: int
    reason: str


FAULT = Farewell(1011, "Unexpected error.")
RESTART = Farewell(1012, "The gateway restarts; come again")
TOO_SLOW = Farewell(1013, "Nothing more is taken for too long; come again and resume")
UNAUTHORIZED = Farewell(4401, "Unauthorized")
KEY_ENDED = Farewell(4403, "Forbidden: this API key has expired, or was revoked or rotated")
NO_SUBPROTOCOL = Farewell(4406, "Subprotocol not acceptable; it has to be graphql-transport-ws")
INIT_TOO_LATE = Farewell(4408, "Connection initialisation timeout")
INIT_TWICE = Farewell(4429, "Too many initialisation requests")


def bad_message(reason: str) -> Farewell:
    """Return the end of a socket on which something came that is no message of the protocol."""
    return Farewell(4400, reason)


def forbidden(reason: str) -> Farewell:
    """Return the end of a socket whose key is not taken."""
    return Farewell(4403, f"Forbidden: {reason}")


def id_taken(id: str) -> Farewell:
    """Return the end of a socket that uses an id for two operations at once."""
    return Farewell(4409, f"Subscriber for {id} already exists")


def try_later(reason: str) -> Farewell:
    """Return the end of a connection that may be opened again in a while."""
    return Farewell(1013, reason)

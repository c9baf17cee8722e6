"""What goes through the broker of events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class BrokerTraffic:
    """Counted since the process began.

    Args:
        published: Batches that were sent from here.
        received: Messages that came.
        unreadable: Those that no gateway on this database sent.
        filled: Events that were read from the log although a broker was to bring them.
    """

    is_connected: bool = False
    published: int = 0
    received: int = 0
    unreadable: int = 0
    filled: int = 0

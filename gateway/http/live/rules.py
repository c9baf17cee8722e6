"""How long and how much of everything that stays open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveRules:
    """Bounds of sockets and event streams; the defaults of the first five are the settings'.

    Args:
        message_bytes: Of one message on a socket.
        operations_per_socket: That run at the same time.
        connections_per_key: Sockets and event streams.
        subscribes_per_s: Of all clients together; the others wait for their turn.
        init_s: From the opening of a socket to its ``connection_init``.
        beat_s: Between two signs of life.
        stall_s: For which a client may take nothing of what is written to it.
        farewell_s: For a client to answer that it is told to go.
        recheck_s: How long a revoked key goes on working, at most.
    """

    message_bytes: int = 1024 * 1024
    operations_per_socket: int = 100
    connections_per_key: int = 10_000
    subscriptions_per_key: int = 20_000
    subscribes_per_s: int = 1000
    init_s: float = 3.0
    beat_s: float = 25.0
    stall_s: float = 30.0
    farewell_s: float = 3.0
    recheck_s: float = 3.0

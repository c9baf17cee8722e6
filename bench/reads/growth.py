"""What requests cost on a dataset that is larger by some factor."""

from __future__ import annotations

import asyncpg

from bench.reads.contenders import Gateway, ask
from bench.reads.load import Request
from bench.reads.measure import Side
from bench.reads.workloads import Workload

FACTOR = 10
SMALL, LARGE = "as it is", f"times {FACTOR}"


async def side(workload: Workload, gateway: Gateway, url: str) -> Side:
    """Return a workload for a gateway.

    Args:
        url: Of its database, for a role that no row level security binds.
    """
    connection = await asyncpg.connect(url)
    try:
        variables = await workload.variables(connection, turn=0)
    finally:
        await connection.close()
    requests = []
    for text in gateway.requests(workload, variables):
        body = ask(gateway, text)
        gateway.answer_in(workload, body)  # fails if there are errors in it
        requests.append(Request(text, len(body)))
    return Side(gateway.port, gateway.pid, gateway.warm_up_s, requests)

from __future__ import annotations

import os

from bench import junk
from tests.http.conftest import Served, served, serving

__all__ = ["served", "serving"]  # the fixtures


async def test_junk_is_refused_and_what_is_good_is_answered(served: Served) -> None:
    target = junk.Target(f"{served.url}/graphql", os.getpid(), served.secret)
    await junk.good(target)  # or its key would not be known among wrong ones

    flooded = {kind: await junk.flood(target, [kind], 0, connections=4) for kind in junk.KINDS}

    assert {kind: set(each.statuses) for kind, each in flooded.items()} == {
        "broken JSON": {400},
        "bytes": {400},
        "unknown hashes": {200},
        "wrong keys": {401},
        "no GraphQL": {200},
        "unknown fields": {200},
        "new documents": {200},
    }
    assert await junk.good(target) > 0

"""`gateway serve --demo`, for people who have just come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.serve.gateways import Gateway, fetch, serving

NODES = "{ buckets { nodes { id version } } collections { nodes { id version } } }"


def nodes_at(depth: int, found: Any) -> int:
    """Return how many documents there are that many steps below the objects."""
    documents = [
        document for each in found["objects"]["nodes"] for document in each["documents"]["nodes"]
    ]
    for _ in range(depth):
        documents = [child for each in documents for child in each["children"]["nodes"]]
    return len(documents)


def told_after_three_lines(gateway: Gateway) -> str:
    return gateway.output.split("\n", 3)[3]


def test_the_query_it_prints_shows_something_and_twice_is_harmless(begun_state: Path) -> None:
    with serving(begun_state, "--demo") as first:
        heading, _, query = told_after_three_lines(first).partition("\n\n")
        found = first.execute(query)["bucket"]
        made = first.execute(NODES)

        assert heading == "Examples are in the namespace. A first query:"
        assert all(nodes_at(depth, found) for depth in range(3))
        blobs = found["objects"]["nodes"][0]["blobs"]
        (picture,) = (each["presignedUrl"] for each in blobs if each["type"] == "IMAGE")
        assert fetch(picture).body.startswith(b"\x89PNG")
        assert first.end() == 0

    with serving(begun_state, "--demo") as second:
        assert told_after_three_lines(second) == (
            "The namespace is not empty, so no examples were added.\n"
        )
        assert second.execute(NODES) == made

"""What is asked: a GraphQL document beside the SQL by hand, and the variables of each request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from bench.reads.dataset import NAMESPACE

Variables = dict[str, Any]

COLD_TEXTS = 1500  # more than the gateway keeps, so that each is new to it
_INPUTS = 20
_FOLDER = Path(__file__).parent / "workloads"

_OBJECTS = "SELECT id FROM objects WHERE namespace_id = $1 ORDER BY md5(id) LIMIT 200"
_BUCKETS = "SELECT id FROM buckets WHERE namespace_id = $1 ORDER BY id LIMIT 20"
_LEAVES = """
    SELECT id FROM documents WHERE namespace_id = $1 AND jsonb_array_length(lineage_chain) = 4
    ORDER BY md5(id) LIMIT 200
"""
_NAMESPACE_ID = "SELECT id FROM namespaces WHERE namespace_name = $1"
# The last buckets are empty; each contender fills its own.
_EMPTY_BUCKET = "SELECT id FROM buckets WHERE namespace_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1"


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request.

    Args:
        document: Name of its files.
        place: Where in the gateway's data that is what the other answers with.
        ids: Finds the ids that are asked for; None: it writes.
        is_cold: Each request has a text of its own.
    """

    title: str
    document: str
    place: tuple[str, ...]
    ids: str | None
    is_cold: bool = False

    @property
    def text(self) -> str:
        """The GraphQL document."""
        return (_FOLDER / f"{self.document}.graphql").read_text()

    async def variables(self, connection: asyncpg.Connection, *, turn: int) -> list[Variables]:
        """Return the variables of the requests that are sent over and over.

        Args:
            connection: Of a role that no row level security binds.
            turn: Of several that write, which one.
        """
        namespace_id = await connection.fetchval(_NAMESPACE_ID, NAMESPACE)
        if self.ids is not None:
            return [{"id": each["id"]} for each in await connection.fetch(self.ids, namespace_id)]
        bucket_id = await connection.fetchval(_EMPTY_BUCKET, namespace_id, turn)
        return [{"input": _new_object(bucket_id, number)} for number in range(_INPUTS)]


WORKLOADS = {
    "W1": Workload("object by id, 10 fields", "W1", ("object",), _OBJECTS),
    "W2": Workload("100 objects x 10 fields", "W2", ("bucket",), _BUCKETS),
    "W3": Workload(
        "bucket > 20 objects > blobs + 5 documents > 3 children", "W3", ("bucket",), _BUCKETS
    ),
    "W4": Workload("leaf document > ancestors, object > bucket", "W4", ("document",), _LEAVES),
    "W5": Workload("create an object with 2 blobs", "W5", ("createObject", "object"), None),
    "W3-cold": Workload("W3, each text for the first time", "W3", ("bucket",), _BUCKETS, True),
}


def _new_object(bucket_id: str, number: int) -> Variables:
    # Structured data, which lives in the row: no bytes, so no disk but PostgreSQL's.
    return {
        "bucketId": bucket_id,
        "keyPrefix": f"/talks/{number}",
        "metadata": {"kind": "talk", "title": f'The "talk" no. {number}', "number": number},
        "blobs": [
            {
                "property": "content",
                "type": "json",
                "data": {"pages": 5, "text": f"Ladies and gentlemen, number {number}."},
            },
            {"property": "summary", "type": "json", "data": {"text": "A talk was given."}},
        ],
    }

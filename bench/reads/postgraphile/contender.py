"""PostGraphile as one of those that are measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

from bench.reads import limit
from bench.reads.contenders import graphql_answer, graphql_requests, running
from bench.reads.dataset import NAMESPACE
from bench.reads.load import NEW_ID
from bench.reads.postgraphile.packages import Packages
from bench.reads.workloads import Variables, Workload

_FOLDER = Path(__file__).parent
_LISTENING = "listening on "
_MOMENTS = ("createdAt", "updatedAt")
_DETAILS = ("filename", "sizeBytes", "mimeType", "hash")


class PostGraphile:
    """PostGraphile 5, with the schema that it makes of the tables."""

    name = "postgraphile"
    warm_up_s = 15.0  # Node compiles what is run often

    def __init__(self, port: int, pid: int, headers: dict[str, str], namespace_id: str) -> None:
        self.port, self.pid, self._headers = port, pid, headers
        self._namespace_id = namespace_id

    def requests(self, workload: Workload, variables: Sequence[Variables]) -> list[bytes]:
        """Return requests for the same in its schema, with the whole text of the query each."""
        text = (_FOLDER / f"{workload.document}.graphql").read_text()
        namespace = {"namespaceId": self._namespace_id}
        given = [
            {"input": namespace | _new_object(each["input"])}
            if "input" in each
            else namespace | each
            for each in variables
        ]
        return graphql_requests(self.port, self._headers, workload, text, given)

    def answer_in(self, workload: Workload, body: bytes) -> Any:
        """Return its answer in the shape of the others'."""
        return _shaped(graphql_answer(self.name, workload, body))

    def forms(self, workload: Workload) -> list[PostGraphile]:
        """Return the ways in which this server is asked: two where it writes."""
        own = OwnMutations(self.port, self.pid, self._headers, self._namespace_id)
        return [self, own] if workload.ids is None else [self]


class OwnMutations(PostGraphile):
    """PostGraphile without a function of its user's: a mutation for each row, all in one document.

    The rows of the blobs name the object's, so its client gives the ids.
    """

    name = "postgraphile-own"

    def requests(self, workload: Workload, variables: Sequence[Variables]) -> list[bytes]:
        """Return requests that write an object with two blobs."""
        text = (_FOLDER / f"{workload.document}-own.graphql").read_text()
        given = [_new_rows(each["input"], self._namespace_id) for each in variables]
        return graphql_requests(self.port, self._headers, workload, text, given)

    def answer_in(self, workload: Workload, body: bytes) -> Any:
        """Return what the last mutation shows of the object, in the shape of the others'."""
        place = ("last", "blob", "object")
        return _shaped(graphql_answer(self.name, replace(workload, place=place), body))


@contextmanager
def open_postgraphile(
    url: str, folder: Path, headers: dict[str, str], *, packages: Packages, namespace_id: str
) -> Iterator[PostGraphile]:
    """Run PostGraphile on a database that has had `prepare`, for the length of the block."""
    log = folder / "postgraphile.log"
    settings = {
        "BENCH_PACKAGES": str(packages.folder),
        "BENCH_POOL_SIZE": str(limit.POOL_SIZE),
        "GRAPHILE_ENV": "production",
        "NODE_ENV": "production",
        **_environment(url),
    }

    def is_ready() -> bool:
        return _LISTENING in log.read_text()

    command = [packages.node, _FOLDER / "server.mjs"]
    with running("PostGraphile", command, settings, log, is_ready) as process:
        port = int(log.read_text().rpartition(_LISTENING)[2])
        yield PostGraphile(port, process.pid, headers, namespace_id)


async def prepare(connection: asyncpg.Connection) -> str:
    """Add to a database what PostGraphile needs there; return the id of the namespace."""
    await connection.execute((_FOLDER / "functions.sql").read_text())
    namespace_id: str = await connection.fetchval(
        "SELECT id FROM namespaces WHERE namespace_name = $1", NAMESPACE
    )
    return namespace_id


def _environment(url: str) -> dict[str, str]:
    """Return a URL as libpq's variables: Node's driver does not know a socket's folder in one."""
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "PGHOST": parts.hostname or options["host"],
        "PGPORT": str(parts.port or options.get("port", 5432)),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.removeprefix("/"),
    }


def _new_object(given: Variables) -> Variables:
    """Return the input of its mutation; the hashes come along, so it need not compute them."""
    blobs = [limit.blob(each) for each in given["blobs"]]
    hashes = "".join(each["details"]["hash"] for each in blobs)
    return {
        "bucketId": given["bucketId"],
        "keyPrefix": given["keyPrefix"],
        "metadata": given["metadata"],
        "contentHash": hashlib.sha256(hashes.encode()).hexdigest(),
        "sizeBytes": str(sum(each["details"]["sizeBytes"] for each in blobs)),
        "blobs": [
            {
                "property": each["property"],
                "properties": each["properties"],
                "sizeBytes": each["details"]["sizeBytes"],
                "hash": each["details"]["hash"],
            }
            for each in blobs
        ],
    }


def _new_rows(given: Variables, namespace_id: str) -> Variables:
    """Return the rows of an object and its blobs; they get new ids each time they are sent."""
    made = _new_object(given)
    blobs = made.pop("blobs")
    ids = {"namespaceId": namespace_id, "bucketId": made["bucketId"]}
    object_id = f"obj_{NEW_ID}0"
    rows = [
        {
            **ids,
            **blob,
            "objectId": object_id,
            "rowId": f"blob_{NEW_ID}{position}",
            "position": position,
            "type": "JSON",
            "mimeType": "application/json",
            "sizeBytes": str(blob["sizeBytes"]),
            "hasBytes": False,
        }
        for position, blob in enumerate(blobs)
    ]
    first, last = rows
    return {
        "object": {"object": {**ids, **made, "rowId": object_id}},
        "first": {"blob": first},
        "last": {"blob": last},
    }


def _shaped(value: Any) -> Any:
    """Return an answer in the gateway's shape, which differs in what an alias cannot mend."""
    if isinstance(value, list):
        return [_shaped(each) for each in value]
    if not isinstance(value, dict):
        return value
    shaped = {key: _shaped(each) for key, each in value.items()}
    for key in _MOMENTS:
        if key in shaped:
            shaped[key] = _moment(shaped[key])
    if "blobs" in shaped:
        shaped["blobs"] = [_blob(each) for each in shaped["blobs"]["nodes"]]
    if "parent" in shaped:
        parent = shaped.pop("parent")
        shaped["ancestors"] = [*parent.pop("ancestors", []), parent]
    return shaped


def _moment(text: str) -> str:
    """Return a moment as JSON made by PostgreSQL has it: without zeros at the end of a fraction."""
    seconds, offset = text[:-6], text[-6:]
    return (seconds.rstrip("0").rstrip(".") if "." in seconds else seconds) + offset


def _blob(given: dict[str, Any]) -> dict[str, Any]:
    details = {key: given.pop(key) for key in _DETAILS if key in given}
    return {**given, "details": details | {"sizeBytes": int(details["sizeBytes"])}}

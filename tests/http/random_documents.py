"""What random documents have in them that is not random, and what any answer to one has to be."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import orjson
from graphql import IntValueNode, ListValueNode, StringValueNode, Visitor, parse_value
from hypothesis import strategies as st
from hypothesis_graphql import nodes

from tests.client import Client
from tests.operations import derive_three_deep, new_bucket, new_object, text_blob

CODES = {
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "BAD_USER_INPUT",
    "LIMIT_EXCEEDED",
    "FORBIDDEN",
}
# Of Python, of SQL, of the libraries, of this machine.
INTERNAL = re.compile(
    r"Traceback|\.py\b|\bFile \"|0x[0-9a-f]{6}|NoneType|asyncpg|sqlalchemy|strawberry|graphql-core"
    r"|\bSELECT\b|\bINSERT\b|\bpg_|\bunhashable\b|\bcodec\b|/(?:home|tmp|usr|opt|var)/"
    r"|object has no attribute|sys\.|\bERROR:",
)
SCALARS = {
    "BigInt": st.integers(-10, 2**54).map(nodes.Int),
    "DateTime": st.sampled_from(["2026-11-21T22:04:12Z", "0001-01-01T00:00:00+14:00", "soon"]).map(
        nodes.String
    ),
    "EventCursor": st.sampled_from(["", "A" * 22, "ä"]).map(nodes.String),
    "JSON": st.one_of(
        st.text(max_size=5).map(nodes.String),
        st.integers().map(nodes.Int),
        st.just(nodes.Object([])),
        st.just(parse_value('{properties: {text: {type: "text"}}}')),  # with it buckets are made
        st.just(nodes.Null),
    ),
    "Sha256": st.sampled_from(["0" * 64, "x"]).map(nodes.String),
}


class Naming(Visitor):
    """Puts ids that are there in the place of random ones."""

    def __init__(self, random: Random, ids: list[str]) -> None:
        super().__init__()
        self._random = random
        self._ids = ids

    def enter_argument(self, node: Any, *_: Any) -> Any:
        if not node.name.value.lower().endswith(("id", "ids")):
            return None
        return replace(node, value=self._named(node.value))

    enter_object_field = enter_argument

    def _named(self, node: Any) -> Any:
        if isinstance(node, ListValueNode):
            return replace(node, values=tuple(map(self._named, node.values)))
        if isinstance(node, StringValueNode | IntValueNode) and self._random.random() < 0.5:
            return StringValueNode(value=self._random.choice(self._ids))
        return node


async def filled(client: Client) -> list[str]:
    """Fill a namespace; return ids of all kinds in it, and one of nothing."""
    bucket = await new_bucket(client)
    made = [await new_object(client, bucket, blobs=[text_blob(each)]) for each in "ab"]
    await derive_three_deep(client, bucket, *made)
    found = await client.execute(
        """{
          buckets { nodes { id objects { nodes { id blobs { id } } } documents { nodes { id } } } }
          collections { nodes { id } }
        }"""
    )
    return [*re.findall(r"'(\w+_\w{26})'", str(found)), "doc_" + "0" * 26]


class Answer(NamedTuple):
    status: int
    type: str
    body: bytes


def what_is_wrong(answer: Answer, accept: str) -> str | None:
    """Return what of an answer is not as the specifications say; None if nothing is."""
    told = orjson.loads(answer.body)
    errors = told.get("errors", [])
    if not told.keys() or not told.keys() <= {"data", "errors", "extensions"}:
        return "it has not the parts of an answer"
    if errors == [] and ("errors" in told or told.get("data") is None):
        return "it has neither data nor errors"
    for error in errors:
        if not error.keys() <= {"message", "locations", "path", "extensions"}:
            return "an error has parts that errors have not"
        if not all(each["line"] > 0 < each["column"] for each in error.get("locations", [])):
            return "an error has no place in the document"
        if error["extensions"]["code"] not in CODES:
            return "an error has no code, or none of the caller's"
    if INTERNAL.search(answer.body.decode()):
        return "it tells what is inside"
    is_refused = "data" not in told
    if is_refused is any("path" in error for error in errors) and errors:
        return "what was not executed has data or paths, or what was has none"
    expected = 400 if is_refused and answer.type != "application/json" else 200
    if (answer.type, answer.status) != (accept, expected):
        return "it has another status or type"
    return None

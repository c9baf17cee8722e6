"""Documents that hypothesis-graphql makes from the schema, right and wrong: what each is told."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import orjson
import pytest
from graphql import (
    DocumentNode,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    StringValueNode,
    Visitor,
    build_schema,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis_graphql import Mode, mutations, nodes, queries

import dev
from tests.client import Client
from tests.differential.conftest import tell as tell  # the fixture
from tests.operations import derive_three_deep, new_bucket, new_object, text_blob

from .conftest import Served

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
        st.just(nodes.Null),
    ),
    "Sha256": st.sampled_from(["0" * 64, "x"]).map(nodes.String),
}


class Document(NamedTuple):
    text: str
    kind: str


def documents(schema: GraphQLSchema, number: int, count: int, ids: list[str]) -> Iterator[Document]:
    """Yield documents that ask for each root field in turn: right ones, wrong ones and broken ones.

    Args:
        number: The seed of them all.
        count: How many, about.
        ids: What ids name half of the time, so that something is found.
    """
    random = Random(number)  # noqa: S311 - nothing here is secret
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    roots = [(queries, name) for name in schema.query_type.fields]
    roots += [(mutations, name) for name in schema.mutation_type.fields]
    each = -(-count // (len(roots) * 2))
    for make, name in roots:
        for mode in Mode:
            strategy = make(
                schema,
                fields=[name],
                custom_scalars=SCALARS,
                mode=mode,
                print_ast=lambda document: document,
            )
            for made in drawn(strategy, random.randrange(2**32), each):
                text = print_ast(visit(made, _Naming(random, ids)))
                yield Document(text, mode.name)
                if random.random() < 0.25:
                    yield Document(broken(random, text), "BROKEN")


def drawn(strategy: st.SearchStrategy[Any], number: int, count: int) -> list[DocumentNode]:
    """Return what a strategy makes from a seed."""
    found: list[DocumentNode] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(strategy)
    def collect(document: DocumentNode) -> None:
        found.append(document)

    with suppress(InvalidArgument):  # a field of which nothing can be wrong
        collect()
    return found


class _Naming(Visitor):
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


def broken(random: Random, text: str) -> str:
    """Return a text with something cut out, doubled, or put in."""
    start, end = sorted(random.choices(range(len(text) + 1), k=2))
    end = min(end, start + 10)
    inside = random.choice(["", text[start:end] * 2, "\0", "$", '"""', "...", "{", "\N{BOM}", "#"])
    return text[:start] + inside + text[end:]


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


async def answer_to(text: str, served: Served, namespace_id: str, accept: str) -> Answer:
    headers = served.headers | {"X-Namespace": namespace_id, "Accept": accept}
    url = f"{served.url}/graphql"
    async with served.session.post(url, headers=headers, json={"query": text}) as answer:
        return Answer(answer.status, answer.content_type, await answer.read())


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
        if INTERNAL.search(error["message"]):
            return "an error tells what is inside"
    is_refused = "data" not in told
    if is_refused is any("path" in error for error in errors) and errors:
        return "what was not executed has data or paths, or what was has none"
    expected = 400 if is_refused and answer.type != "application/json" else 200
    if (answer.type, answer.status) != (accept, expected):
        return "it has another status or type"
    return None


async def test_every_answer_is_one_of_the_specification(
    served: Served,
    client: Client,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
    tell: Callable[[str], None],
) -> None:
    count = request.config.getoption("--random-documents")
    number = request.config.getoption("--random-seed")
    schema = build_schema((dev.ROOT / "schema.graphql").read_text())
    ids = await filled(client)
    told: Counter[str] = Counter()

    for each in documents(schema, number, count, ids):
        accept = ("application/json", "application/graphql-response+json")[len(each.text) % 2]
        answer = await answer_to(each.text, served, client.namespace_id, accept)
        wrong = what_is_wrong(answer, accept)
        assert wrong is None, f"{wrong}\n\n{each.text}\n\n{answer}\n\n{caplog.text}"
        errors = orjson.loads(answer.body).get("errors", [])
        codes = [error["extensions"]["code"] for error in errors]
        told.update({f"{each.kind} {code}" for code in codes or ["answered"]})

    tell(f"from seed {number}: {dict(told)}")
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    # Of these many, each kind was really there.
    assert told["POSITIVE answered"] > count / 8
    assert told["NEGATIVE GRAPHQL_VALIDATION_FAILED"] > count / 8

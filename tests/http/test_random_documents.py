"""Documents that hypothesis-graphql makes from the schema, right and wrong: what each is told."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

import orjson
import pytest
from graphql import (
    DocumentNode,
    GraphQLSchema,
    build_schema,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis_graphql import Mode, mutations, queries

import dev
from tests.client import Client
from tests.differential.conftest import tell as tell  # the fixture

from .conftest import Served
from .random_documents import SCALARS, Answer, Naming, filled, what_is_wrong


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
                text = print_ast(visit(made, Naming(random, ids)))
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


def broken(random: Random, text: str) -> str:
    """Return a text with something cut out, doubled, or put in."""
    start, end = sorted(random.choices(range(len(text) + 1), k=2))
    end = min(end, start + 10)
    inside = random.choice(["", text[start:end] * 2, "\0", "$", '"""', "...", "{", "\N{BOM}", "#"])
    return text[:start] + inside + text[end:]


async def answer_to(text: str, served: Served, namespace_id: str, accept: str) -> Answer:
    headers = served.headers | {"X-Namespace": namespace_id, "Accept": accept}
    url = f"{served.url}/graphql"
    async with served.session.post(url, headers=headers, json={"query": text}) as answer:
        return Answer(answer.status, answer.content_type, await answer.read())


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

"""Validation says what graphql-core's own says of texts that were altered at random."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from graphql import DocumentNode, GraphQLError, Lexer, Source, TokenKind, parse, validate

from gateway.schema import GatewaySchema, make_schema
from gateway.validation.problems import MOST_PROBLEMS, Disclosure, problems
from gateway.validation.rules import RULES

COUNT = 400
# All are right, and together they have all that a document can have.
RIGHT = [
    "{ buckets(first: 3) { totalCount nodes { id bucketName status } } }",
    "query A($id: ID!, $n: Int = 3) { bucket(id: $id) { id objects(first: $n) { totalCount } } }",
    "query ($ids: [ID!]!, $yes: Boolean!) { nodes(ids: $ids) { id @include(if: $yes) ...F } }"
    " fragment F on Bucket { ...G bucketName }"
    " fragment G on Node { __typename id @skip(if: $yes) }",
    "query A($id: ID!) { node(id: $id) { ... on Bucket { name: bucketName } ... { id } } }"
    " query B { viewer { apiKey { id } } }",
    "query ($name: String) { buckets(filter: {bucketName: {eq: $name}},"
    " orderBy: [{field: BUCKET_NAME}]) { edges { node { id } } pageInfo { hasNextPage } } }",
    '{ one: bucket(id: "bkt_1") { id id } two: bucket(id: "bkt_2") { id } }',
    "query ($id: ID!) { __schema { types { name fields { name } } } bucket(id: $id) { id } }",
    "mutation ($input: CreateBucketInput!) { createBucket(input: $input)"
    " { bucket { id } errors { message path } } }",
    'mutation { createBucket(input: {bucketName: "a", bucketSchema: {properties: {}},'
    " metadata: null}) { errors { message } } }",
    "subscription ($after: EventCursor) { statusChanged(after: $after, filter: null)"
    " { __typename ... on StatusEvent { cursor } } }",
]
PIECES = [
    "@skip(if: true)",
    "@include(if: $yes)",
    "@nosuch",
    "@defer",
    "@stream",
    "...F",
    "...Nosuch",
    "... on Object { id }",
    "fragment F on Bucket { id ...F }",
    "fragment Lone on ID { id }",
    "query A { viewer { apiKey { id } } }",
    "{ __typename }",
    "$id",
    "($id: ID!, $n: Nosuch, $id: Bucket)",
    "(id: $id)",
    "(first: $n, first: 1)",
    "{ a: $n }",
    "null",
    "x: id",
    "x: bucketName",
    "__schema { types { fields { type { fields { type { fields { name } } } } } } }",
    "type Extra { id: ID }",
]


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return make_schema()


def tokens_of(text: str) -> list[str]:
    lexer = Lexer(Source(text))
    found = []
    while (token := lexer.advance()).kind is not TokenKind.EOF:
        found.append(text[token.start : token.end])
    return found


def altered(random: Random) -> str:
    """Return a text with a few of its tokens cut out, doubled, taken from others, or put in."""
    tokens = tokens_of(random.choice(RIGHT))
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.randrange(len(tokens))
        match random.randrange(5):
            case 0:
                del tokens[place]
            case 1:
                tokens.insert(place, tokens[place])
            case 2:
                names = [at for at, each in enumerate(tokens) if each.isidentifier()]
                others = [each for each in tokens_of(random.choice(RIGHT)) if each.isidentifier()]
                tokens[random.choice(names)] = random.choice(others)
            case 3:
                other = random.randrange(len(tokens))
                tokens[place], tokens[other] = tokens[other], tokens[place]
            case _:
                tokens.insert(place, random.choice(PIECES))
    return " ".join(tokens)


def documents(seed: int) -> list[tuple[str, DocumentNode]]:
    random = Random(seed)  # noqa: S311 - nothing here is secret
    found: list[tuple[str, DocumentNode]] = []
    while len(found) < COUNT:
        text = altered(random)
        try:
            found.append((text, parse(text)))
        except GraphQLError:
            continue
    return found


def told(errors: list[GraphQLError]) -> list[object]:
    return [each.formatted for each in errors]


def as_graphql_core(schema: GatewaySchema, document: DocumentNode) -> list[object]:
    core = validate(
        schema._schema, document, RULES, max_errors=MOST_PROBLEMS, hide_suggestions=False
    )
    return told(core)


@pytest.mark.parametrize("text", RIGHT)
def test_begins_with_what_is_right(text: str, schema: GatewaySchema) -> None:
    assert told(problems(schema._schema, parse(text))) == []


def test_says_what_graphql_core_says(schema: GatewaySchema, request: pytest.FixtureRequest) -> None:
    counts: Counter[bool] = Counter()

    for text, document in documents(request.config.getoption("--random-seed")):
        found = told(problems(schema._schema, document, Disclosure(suggestions=True)))
        assert found == as_graphql_core(schema, document), text
        counts[not found] += 1

    assert counts[True] > COUNT / 20  # right all the same
    assert counts[False] > COUNT / 2

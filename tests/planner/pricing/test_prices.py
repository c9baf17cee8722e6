"""What operations cost: the rows that they read if every page is full."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLObjectType, OperationDefinitionNode, parse

from bench.reads.workloads import WORKLOADS
from gateway.planner.catalog import STRAWBERRY, Catalog
from gateway.planner.declare import SIZING
from gateway.planner.pricing.price import Price
from gateway.planner.pricing.prices import ASSUMED, Prices
from gateway.planner.sources import Derived
from gateway.schema import GatewaySchema, make_schema

MAXIMUM = 500_000


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return make_schema()


@pytest.fixture(scope="module")
def prices(schema: GatewaySchema) -> Prices:
    return Prices(schema._schema, Catalog(schema._schema), maximum=MAXIMUM)


def priced(prices: Prices, text: str) -> Price:
    document = parse(text)
    (operation,) = (x for x in document.definitions if isinstance(x, OperationDefinitionNode))
    return prices.of(document, operation)


def told(price: Price, **variables: Any) -> str:
    error = price.excess(variables)
    assert error is not None
    return error.message


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # One row each, whatever is selected of it and stands in it.
        ('{ object(id: "o") { id metadata } }', 1),
        ('{ bucket(name: "b") { uniqueKey { fields } storageStats { maxSizeBytes } } }', 1),
        ('{ object(id: "o") { bucket { id } sourceDetails { type } } }', 2),
        ('{ document(id: "d") { source { __typename } rootObject { bucket { id } } } }', 4),
        ("{ viewer { namespace { id } apiKey { id } } }", 3),
        # Connections: one, and the rows of the page, if any is read.
        ("{ buckets { totalCount } }", 1),
        ("{ buckets { nodes { id } } }", 1 + 20),
        ("{ buckets(first: 7) { nodes { id } } }", 1 + 7),
        ("{ buckets(last: 7) { nodes { id } } }", 1 + 7),
        ("{ buckets(first: null) { nodes { id } } }", 1 + 20),
        ("{ buckets(first: 7) { pageInfo { endCursor } } }", 1 + 7),
        ("{ buckets(first: 7) { edges { cursor } } }", 1 + 7),
        ("{ buckets(first: 7) { nodes { id } edges { node { id } } pageInfo { endCursor } } }", 8),
        ("{ buckets(first: 7) { nodes { objects(first: 3) { totalCount } } } }", 1 + 7 * (1 + 1)),
        ("{ buckets(first: 7) { nodes { objects(first: 3) { nodes { id } } } } }", 1 + 7 * 5),
        (
            """{ buckets(first: 7) { edges { node {
                objects(first: 3) { edges { node { id } } } } } } }""",
            1 + 7 * 5,
        ),
        (
            "{ buckets(first: 7) { nodes { objects(first: 3) { statusCounts { count } } } } }",
            1 + 7 * 2,
        ),
        # Lists without pages.
        ('{ object(id: "o") { blobs { details { hash } } } }', 1 + ASSUMED),
        ('{ document(id: "d") { ancestors { documentBlobs { id } } } }', 1 + ASSUMED * 11),
        ('{ document(id: "d") { lineageChain { collection { id } } } }', 1 + ASSUMED * 2),
        # Trails: as many as their page.
        ('{ object(id: "o") { history { __typename } } }', 1 + 20),
        ('{ document(id: "d") { history(first: 5) { cursor } } }', 1 + 5),
        # Graphs: one, their nodes, and what is looked up of each.
        ('{ lineage(id: "d", maxNodes: 9) { nodes { distance } edges { from } } }', 1 + 9),
        ('{ lineage(id: "d", maxNodes: 9) { nodes { node { id } } } }', 1 + 9 + 9),
        ('{ lineage(id: "d") { root } }', 1 + 1000),
        ('{ object(id: "o") { lineage { root } } }', 1 + 1 + 500),
        # By ids.
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 3),
        ('{ nodes(ids: "a") { id } }', 1),
        ('{ nodes(ids: ["a", "b"]) { ... on BucketObject { blobs { id } } } }', 2 * (1 + ASSUMED)),
        # The costliest type counts.
        (
            """{ node(id: "a") { ... on Bucket { objects(first: 5) { nodes { id } } }
                ... on Document { children(first: 9) { nodes { id } } } ... on Node { id } } }""",
            1 + 1 + 9,
        ),
        # What is known without the database.
        ("{ __schema { types { fields { name } } } __typename }", 0),
        ("{ statusTransitions { to } }", 0),
        # Fields of one name are merged, aliases are not.
        ("{ buckets { nodes { id } } buckets { nodes { bucketName } } }", 21),
        ("{ buckets { nodes { id } } ...F } fragment F on Query { buckets { totalCount } }", 21),
        ("{ buckets { nodes { id } } more: buckets { nodes { id } } }", 42),
        (
            """{ object(id: "o") { ...A ...B } } fragment A on BucketObject { blobs { id } }
                fragment B on Node { ... on BucketObject { blobs { property } } }""",
            1 + ASSUMED,
        ),
        # What is never asked for.
        ("{ buckets @skip(if: true) { nodes { id } } __typename }", 0),
        ("{ ... @include(if: false) { buckets { nodes { id } } } __typename }", 0),
        ("{ buckets @include(if: true) { nodes { id } } }", 21),
        # Mutations: what is read back.
        ('mutation { deleteObject(id: "o") { deletedId } }', 0),
        (
            """mutation { createObjects(inputs: [{bucketId: "b"}, {bucketId: "b"}])
                { results { object { blobs { id } } errors { code } } } }""",
            2 * (1 + ASSUMED),
        ),
    ],
)
def test_counts_rows(prices: Prices, text: str, rows: int) -> None:
    price = priced(prices, text)

    assert (price.least, price.under({}), price.most) == (rows, rows, rows)


PAGES = "query ($n: Int, $m: Int = 30) { buckets(first: $n, last: $m) { nodes { id } } }"
LISTED = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
CHOSEN = """query ($with: Boolean! = true, $less: Boolean!) {
    buckets @include(if: $with) { nodes { id } }
    ... @skip(if: $less) { collections { nodes { id } } } }"""


@pytest.mark.parametrize(
    ("text", "variables", "rows"),
    [
        (PAGES, {}, 1 + 30),
        (PAGES, {"m": 5}, 1 + 5),
        (PAGES, {"m": None}, 1 + 20),
        (PAGES, {"m": None, "n": 7}, 1 + 7),
        (PAGES, {"m": 7.0}, 1 + 7),
        # What a read refuses, more clearly, is no reason to refuse it here.
        (PAGES, {"m": 10**30}, 1 + 1000),
        (PAGES, {"m": -5}, 1),
        (PAGES, {"m": {}}, 1 + 20),
        (LISTED, {"ids": ["a", "b"]}, 2),
        (LISTED, {"ids": []}, 0),
        (LISTED, {"ids": "a"}, 1),
        (LISTED, {"ids": ["a"] * 5000}, 1000),
        (CHOSEN, {"less": True}, 21),
        (CHOSEN, {"less": False}, 42),
        (CHOSEN, {"less": True, "with": False}, 0),
    ],
)
def test_variables_decide(prices: Prices, text: str, variables: dict[str, Any], rows: int) -> None:
    price = priced(prices, text)

    assert price.under(variables) == rows
    assert price.least <= rows <= price.most


def test_the_most_and_the_least_are_of_all_variables(prices: Prices) -> None:
    pages, listed, chosen = (priced(prices, text) for text in (PAGES, LISTED, CHOSEN))

    assert (pages.least, pages.most) == (1, 1 + 1000)
    assert (listed.least, listed.most) == (0, 1000)
    assert (chosen.least, chosen.most) == (0, 42)


def test_a_field_is_conditional_only_where_it_is_written_once(prices: Prices) -> None:
    text = """query ($a: Boolean!) { buckets @include(if: $a) { nodes { id } }
        buckets @skip(if: $a) { nodes { bucketName } } }"""

    assert priced(prices, text).under({"a": True}) == 21


NESTED = """query ($n: Int, $m: Int) { some: buckets(first: $n) { nodes {
    objects(first: $m) { nodes { %s } } } } }"""


@pytest.mark.parametrize(
    ("text", "variables", "message"),
    [
        (
            NESTED % "documents(first: 100) { nodes { id } }",
            {"n": 100, "m": 100},
            "the operation may read 1020201 rows, chiefly at some.nodes.objects.nodes.documents;"
            " the most is 500000, so ask for first: 47 at some.nodes.objects.nodes.documents",
        ),
        (
            NESTED % "blobs { id }",
            {"n": 500, "m": 100},
            "the operation may read 551001 rows, chiefly at some.nodes.objects.nodes.blobs;"
            " the most is 500000, so ask for first: 90 at some.nodes.objects",
        ),
        (
            NESTED % "documents(last: 1) { nodes { id } }",
            {"n": 1000, "m": 1000},
            "the operation may read 3002001 rows, chiefly at some.nodes.objects.nodes.documents;"
            " the most is 500000, so ask for first: 165 at some.nodes.objects",
        ),
        (
            LISTED.replace("{ id }", "{ ... on Document { lineage(maxNodes: 3) { root } } }"),
            {"ids": ["a"] * 1000},
            None,
        ),
        (
            LISTED.replace("{ id }", "{ ... on Document { lineage(maxNodes: 900) { root } } }"),
            {"ids": ["a"] * 1000},
            "the operation may read 902000 rows, chiefly at nodes.lineage; the most is 500000, so"
            " ask for maxNodes: 498 at nodes.lineage",
        ),
        (
            LISTED.replace("{ id }", "{ ... on Document { ancestors { children { totalCount } "
            + " ".join(f"c{n}: children {{ nodes {{ id }} }}" for n in range(3)) + " } } }"),
            {"ids": ["a"] * 1000},
            "the operation may read 651000 rows, chiefly at nodes.ancestors.c0; the most is 500000,"
            " so ask for first: 4 at nodes.ancestors.c0",
        ),
        (
            LISTED.replace("{ id }", "{ ... on Document { ancestors { " + " ".join(
                f"c{n}: ancestors {{ id collection {{ id }} }}" for n in range(3)) + " } } }"),
            {"ids": ["a"] * 1000},
            "the operation may read 611000 rows, chiefly at nodes.ancestors.c0; the most is 500000,"
            " so ask for 818 ids at nodes",
        ),
        (
            "{ " + " ".join(
                f"b{n}: buckets(first: 9) {{ nodes {{ objects(first: 900) {{ nodes {{ blobs {{ id"
                " } } } } }" for n in range(6)) + " }",
            {},
            "the operation may read 534714 rows, chiefly at b0.nodes.objects.nodes.blobs; the most"
            " is 500000, so ask for first: 549 at b0.nodes.objects",
        ),
        (
            "{ " + " ".join(
                f"b{n}: buckets(first: 9) {{ nodes {{ objects(first: 900) {{ nodes {{ blobs {{ id"
                " } } } } }" for n in range(30)) + " }",
            {},
            "the operation may read 2673570 rows, chiefly at b0.nodes.objects.nodes.blobs; the most"
            " is 500000, so ask for smaller pages, or for less at a time",
        ),
    ],
)  # fmt: skip
def test_tells_what_costs_most_and_what_would_be_right(
    prices: Prices, text: str, variables: dict[str, Any], message: str | None
) -> None:
    error = priced(prices, text).excess(variables)

    assert (error and error.message) == message


@pytest.mark.parametrize(
    ("text", "smaller"),
    [
        ("query { buckets(first: 1000) { nodes { objects(first: %d) { nodes { id } } } } }", 497),
        ("{ buckets(first: 999) { edges { node { objects(last: %d) { nodes { id } } } } } }", 498),
        (
            '{ lineage(id: "a", maxNodes: %d) { nodes { node { ... on Document {'
            " a: ancestors { collection { id } } b: ancestors { collection { id } }"
            " c: ancestors { collection { id } } } } } } }",
            8064,
        ),
    ],
)
def test_what_would_be_right_is_the_largest_that_is(
    prices: Prices, text: str, smaller: int
) -> None:
    assert f": {smaller} at" in told(priced(prices, text % 10_000))
    assert priced(prices, text % smaller).excess({}) is None
    assert priced(prices, text % (smaller + 1)).excess({}) is not None


def test_the_field_that_costs_most_is_located(prices: Prices) -> None:
    text = "{\n buckets(first: 1000) { nodes {\n  objects(first: 999) { nodes { id } } } } }"
    error = priced(prices, text).excess({})

    assert error is not None
    assert [tuple(each) for each in error.locations or ()] == [(3, 3)]


BOMB = """fragment F%d on Bucket {
    a: objects(first: 1) { nodes { bucket { ...F%d } } }
    b: objects(first: 1) { nodes { bucket { ...F%d ...F%d } } } }"""


def test_fragments_that_multiply_one_another_are_summed_up_once(prices: Prices) -> None:
    levels = 40
    bombs = [BOMB % (n, n + 1, n + 1, n + 1) for n in range(levels)]
    last = f"fragment F{levels} on Bucket {{ id }}"

    price = priced(prices, "\n".join(['{ bucket(id: "b") { ...F0 } }', *bombs, last]))

    # On each level two connections, each with a row and its bucket; twice as many as above it.
    assert price.most == 1 + sum(6 * 2**level for level in range(levels))
    assert "chiefly at bucket.a;" in told(price)


def test_a_workload_of_the_bench_needs_no_look_at_its_variables(prices: Prices) -> None:
    found = {
        name: priced(prices, each.text) for name, each in WORKLOADS.items() if not each.is_cold
    }

    assert {name: price.most for name, price in found.items()} == {
        "W1": 1, "W2": 102, "W3": 742, "W4": 13, "W5": 11,
    }  # fmt: skip
    assert not any(price.may_exceed for price in found.values())


def test_what_sizes_a_field_is_an_argument_of_it(schema: GatewaySchema) -> None:
    graphql, catalog = schema._schema, Catalog(schema._schema)
    sized = []
    for each in graphql.type_map.values():
        for name, field in each.fields.items() if isinstance(each, GraphQLObjectType) else ():
            planned = catalog.types.get(each.name)
            source = planned.fields[name].source if planned and name in planned.fields else None
            declared = field.extensions.get(STRAWBERRY)
            sizing = source.sizing if isinstance(source, Derived) else None
            sizing = sizing or (declared.metadata.get(SIZING) if declared else None)
            if sizing:
                sized.append(f"{each.name}.{name}")
                assert field.args.keys() >= set(sizing.arguments)

    assert {"Query.lineage", "Query.nodes", "Mutation.createObjects"} <= set(sized)

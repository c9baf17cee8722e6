"""What is kept of documents and plans, and what goes first."""

from __future__ import annotations

import gc
from itertools import count, islice
from weakref import ReferenceType, ref

import pytest
from graphql import DocumentNode, FieldNode, Node, Visitor, visit

from gateway.planner.caching import CacheCounts, LeastUsedCache
from gateway.planner.catalog import Catalog
from gateway.planner.prepared import PreparedTexts
from gateway.schema import GatewaySchema

from .conftest import OBJECTS, Engine


def test_the_least_used_goes_first() -> None:
    cache = LeastUsedCache[str, int](2)
    cache.keep("a", 1)
    cache.keep("b", 2)
    cache.find("a")
    cache.keep("c", 3)

    assert [cache.find(key) for key in ("a", "b", "c")] == [1, None, 3]
    assert cache.counts == CacheCounts(hits=3, misses=1, evictions=1)


def test_weights_are_bounded_too() -> None:
    cache = LeastUsedCache[str, int](10, most_weight=10)
    cache.keep("a", 1, 6)
    cache.keep("a", 2, 4)
    cache.keep("b", 3, 6)
    assert [cache.find(key) for key in ("a", "b")] == [2, 3]

    cache.keep("c", 4, 5)
    assert [cache.find(key) for key in ("a", "b", "c")] == [None, None, 4]

    cache.keep("too heavy", 5, 11)
    assert cache.size() == 0


def test_a_long_text_is_not_kept(schema: GatewaySchema) -> None:
    texts = PreparedTexts(schema._schema, Catalog(schema._schema), longest=20)
    short, long = "{ __typename }", "{ __typename } # and more"

    assert texts.find(short) is texts.find(short)
    assert texts.find(long) is not texts.find(long)
    assert texts.kept.size() == 1


async def test_a_text_in_use_keeps_its_short_road(engine: Engine) -> None:
    hot = "query Hot($id: ID!, $n: Int) { object(id: $id) { documents(first: $n) { totalCount } } }"
    context = engine.context()
    await engine.execute(hot, id=OBJECTS[0])
    before = engine.schema.texts.kept.counts.evictions
    number = 0
    while engine.schema.texts.kept.counts.evictions < before + 20:
        assert await engine.schema.answer(hot, {"id": OBJECTS[0]}, None, context)
        number += 1
        await engine.schema.answer(f"{{ other_{number}: __typename }}", {}, None, context)

    # Variables of a shape that is new to it: planned on the long road, short from then on.
    await engine.execute(hot, id=OBJECTS[0], n=2)
    assert await engine.schema.answer(hot, {"id": OBJECTS[1], "n": 1}, None, context)


NUMBERS = count()


def push_out(engine: Engine) -> None:
    """Ask for so many other texts that no document stays which is not held."""
    for number in islice(NUMBERS, 40):
        engine.schema.texts.find(f"{{ pushing_{number}: __typename }}")


def nodes_of(document: DocumentNode) -> list[ReferenceType[Node]]:
    """Return references to all fields of a document, and to itself."""
    found: list[ReferenceType[Node]] = [ref(document)]

    class Finder(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            found.append(ref(node))

    visit(document, Finder())
    return found


async def test_a_text_with_a_short_road_lets_its_document_go(engine: Engine) -> None:
    text = """
        query Lean($id: ID!, $n: Int) {
          object(id: $id) { documents(first: $n, orderBy: []) { nodes { id } } }
        }
    """
    await engine.execute(text, id=OBJECTS[0])
    nodes = nodes_of(engine.schema.texts.find(text).document)
    push_out(engine)
    gc.collect()  # what executed it is a cycle

    assert [each() for each in nodes] == [None] * 5
    assert await engine.schema.answer(text, {"id": OBJECTS[1]}, None, engine.context())


async def test_what_is_parsed_again_finds_its_plans(engine: Engine) -> None:
    text = """
        query Again($id: ID!) { object(id: $id) { ...Fields } }
        fragment Fields on BucketObject { id }
    """
    await engine.execute(text, id=OBJECTS[0])
    push_out(engine)
    misses = engine.schema.plans.counts.misses

    await engine.execute(text, id=OBJECTS[1])

    assert engine.schema.plans.counts.misses == misses


async def test_errors_stand_where_they_did_after_a_document_was_let_go(engine: Engine) -> None:
    text = """
        query Wrong($id: ID!, $n: Int) {
          object(id: $id) { documents(first: $n) { totalCount } }
        }
    """
    _, before = await engine.run(text, id=OBJECTS[0], n=-1)
    push_out(engine)

    _, after = await engine.run(text, id=OBJECTS[0], n=-1)

    assert [each.formatted for each in after] == [each.formatted for each in before]
    assert before[0].locations


@pytest.mark.parametrize(
    "text",
    [
        "query Held { ...Fields } fragment Fields on Query { __typename }",
        "subscription Held { statusChanged { __typename } }",
    ],
)
async def test_a_text_without_a_short_road_holds_its_document(engine: Engine, text: str) -> None:
    engine.schema.type_of(text, None)
    document = engine.schema.texts.find(text).document
    push_out(engine)

    assert engine.schema.texts.find(text).document is document


async def test_counts_of_plans_tell_hits_and_misses(engine: Engine) -> None:
    text = "query Counted($id: ID!) { object(id: $id) { counted: id } }"
    counts = engine.schema.plans.counts
    hits, misses = counts.hits, counts.misses

    for each in OBJECTS[:3]:
        await engine.execute(text, id=each)

    assert (counts.hits - hits, counts.misses - misses) == (2, 1)

"""What is kept of documents and plans, and what goes first."""

from __future__ import annotations

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


async def test_counts_of_plans_tell_hits_and_misses(engine: Engine) -> None:
    text = "query Counted($id: ID!) { object(id: $id) { counted: id } }"
    counts = engine.schema.plans.counts
    hits, misses = counts.hits, counts.misses

    for each in OBJECTS[:3]:
        await engine.execute(text, id=each)

    assert (counts.hits - hits, counts.misses - misses) == (2, 1)

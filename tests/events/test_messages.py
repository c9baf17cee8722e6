"""A message that is shared is what executing the subscription for one event alone gives."""

from __future__ import annotations

import orjson
import pytest

from gateway.caller import Caller
from gateway.enums import Permission
from gateway.planner.plan import ReadPlan
from tests.events.following import Gateway, caller_in
from tests.events.world import OBJECTS, World

WRITE_ERROR = "UPDATE objects SET error = 'é\"' || chr(10), version = 3 WHERE id = $1"
OPERATIONS = {
    "every field": """
        subscription { statusChanged { ... on StatusEvent {
            cursor event kind nodeId bucketId collectionId rootObjectId version previousStatus
            status error at } } }
    """,
    "aliases and type names": """
        subscription { told: statusChanged { kind: __typename ... on StatusEvent {
            what: event id: nodeId again: nodeId __typename } } }
    """,
    "fragments, merged": """
        subscription { statusChanged { ...A ...B } }
        fragment A on StatusEvent { version status }
        fragment B on StatusMessage {
            ...A ... on StatusEvent { version at } ... on StatusReset { reason } }
    """,
    "skip and include": """
        subscription ($no: Boolean! = false, $yes: Boolean! = true) {
            statusChanged { ... on StatusEvent {
                version @skip(if: $yes) status @include(if: $yes) at @include(if: $no)
                ... @skip(if: $no) { kind } } } }
    """,
    "nothing of events": "subscription { statusChanged { ... on StatusCheckpoint { cursor } } }",
    "nodes": """
        subscription { statusChanged { ... on StatusEvent { version node { __typename id
            ... on BucketObject { status metadata createdAt bucket { bucketName }
                documents { totalCount } }
            ... on Bucket { bucketName metadata } } } } }
    """,
    "nodes twice, and arguments": """
        subscription ($first: Int = 1) { statusChanged { ... on StatusEvent {
            one: node { ... on BucketObject { history(first: $first) { version cursor } } }
            other: node { ... on Bucket { objects(first: $first) {
                nodes { id } pageInfo { endCursor } } } }
        } } }
    """,
    "lineage": """
        subscription { statusChanged { ... on StatusEvent { node { ... on BucketObject {
            lineage { root complete nodes { __typename } edges { __typename } } } } } } }
    """,
    "arguments that are wrong": """
        subscription { statusChanged { ... on StatusEvent { version node { id
            ... on BucketObject { history(first: 100000) { version } } } } } }
    """,
    "computed": """
        subscription { statusChanged { ... on StatusEvent { version node { id
            ... on BucketObject { blobs { presignedUrl(expiresIn: 0) } }
            ... on Upload { target { url } } } } } }
    """,
    "one node": """
        subscription ($id: ID!) { nodeStatus(id: $id) {
            version status node { id __typename } } }
    """,
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_is_what_executing_alone_gives(gateway: Gateway, world: World, name: str) -> None:
    text, variables = OPERATIONS[name], {"id": OBJECTS[1]} if name == "one node" else {}
    everything = await gateway.follow()
    sink = await gateway.follow(text, variables)

    await world.move(OBJECTS[1], "QUEUED")
    await world.sql.execute(
        "UPDATE objects SET error = 'é\"\\n', version = 3 WHERE id = $1", OBJECTS[1]
    )
    await world.touch(OBJECTS[2])
    await world.move(OBJECTS[1], "FAILED")
    await world.sql.execute("UPDATE buckets SET version = 2 WHERE id = $1", world.bucket_id)
    await world.remove(OBJECTS[2])
    await world.sequence()
    await everything.until_events(6)
    count = 3 if name == "one node" else 7
    await sink.until(lambda: len(sink.texts) == count)

    alone = await gateway.executed_alone(text, variables, everything)
    if name == "one node":
        alone = [alone[0], alone[3]]
    assert [orjson.loads(each) for each in sink.texts[1:]] == alone
    assert sink.texts[1:] == [orjson.dumps(each) for each in alone]  # in the same order


async def test_reads_the_nodes_of_several_events_by_one_statement(
    gateway: Gateway, world: World
) -> None:
    start = await gateway.follow()
    await world.touch_now(*OBJECTS)
    await start.until_events(10)
    text = f"""
        subscription ($after: EventCursor) {{ statusChanged(after: $after) {{ ... on StatusEvent {{
            version cursor node {{ id ... on BucketObject {{ {"bucket { id }"} }} }} }} }} }}
    """

    with gateway.reading() as statements:
        sinks = [await gateway.follow(text, {"after": start.cursors[0]}) for _ in range(3)]
        for sink in sinks:
            await sink.until_events(10)

    assert len(statements) == 1
    assert [each["node"]["id"] for each in sinks[0].events] == list(OBJECTS)


async def test_a_node_that_is_gone_is_null(gateway: Gateway, world: World) -> None:
    sink = await gateway.follow(
        "subscription { statusChanged { ... on StatusEvent { version node { id } } } }"
    )

    await world.touch(OBJECTS[1])
    await world.remove(OBJECTS[1])
    await world.sequence()

    await sink.until_events(2)
    assert sink.events == [{"version": 2, "node": None}, {"version": 3, "node": None}]


WITH_TARGET = """
subscription { statusChanged { ... on StatusEvent {
    version node { ... on Upload { target { url } } } } } }
"""


async def test_shares_by_what_callers_may_see(gateway: Gateway) -> None:
    readers = [caller_in(gateway.caller.namespace_id) for _ in range(2)]
    writer = caller_in(gateway.caller.namespace_id, Permission.WRITE)

    for caller in (*readers, writer):
        await gateway.follow(WITH_TARGET, caller=caller)

    assert gateway.what_is_left()[0] == 2


@pytest.mark.parametrize("changed", [{"after": None}, {"x": 1}, {}])
async def test_shares_whatever_does_not_matter(
    gateway: Gateway, changed: dict[str, object]
) -> None:
    text = """
        subscription ($after: EventCursor, $x: Int, $f: StatusEventFilter) {
            statusChanged(after: $after, filter: $f) { ... on StatusEvent { node {
                ... on BucketObject { history(first: $x) { version } } } } } }
    """
    await gateway.follow(text, {"x": 2, "f": {"kinds": ["BUCKET"]}})

    await gateway.follow(text, {"x": 2, "f": {"kinds": ["BUCKET"]}} | changed)

    assert gateway.what_is_left()[0] == (2 if "x" in changed else 1)


@pytest.mark.parametrize("is_personal", [False, True])
async def test_what_reads_the_caller_is_for_that_caller_only(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, is_personal: bool
) -> None:
    """Nothing that a node leads to does so today."""
    text = "subscription { statusChanged { ... on StatusEvent { node { id } } } }"
    if is_personal:
        monkeypatch.setattr(ReadPlan, "is_personal", True)

    for caller in [caller_in(gateway.caller.namespace_id) for _ in range(2)]:
        await gateway.follow(text, caller=caller)
        await gateway.follow(text, caller=caller)

    assert gateway.what_is_left()[0] == (2 if is_personal else 1)


async def test_is_shared_though_it_was_forgotten_whom_a_text_is_for(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "subscription { statusChanged { ... on StatusEvent { node { id } } } }"
    monkeypatch.setattr(ReadPlan, "is_personal", True)
    first = await gateway.follow(text, caller=gateway.caller)
    gateway.hub._joining._sharing._personal.clear()

    second = await gateway.follow(text, caller=gateway.caller)

    assert gateway.what_is_left()[0] == 1
    for each in (first, second):
        each.stop()
    assert gateway.what_is_left() == (0, 0, 0, 0)


async def test_refuses_variables_that_nobody_could_mean(gateway: Gateway) -> None:
    text = "subscription ($f: StatusEventFilter) { statusChanged(filter: $f) { __typename } }"
    deep: object = "BUCKET"
    for _ in range(300):
        deep = [deep]
    await gateway.follow(text, {"f": {"kinds": ["BUCKET"]}})

    error = await gateway.refusal(text, {"f": {"kinds": deep}})

    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("text", "is_personal"),
    [
        ("{ viewer { apiKey { id } } }", True),
        (f'{{ node(id: "{OBJECTS[1]}") {{ id }} }}', False),
    ],
)
async def test_plans_tell_whether_they_read_the_caller(
    gateway: Gateway, text: str, is_personal: bool
) -> None:
    context = gateway.context_of(gateway.caller)
    await gateway.schema.execute(text, context_value=context)

    ((plan, _),) = gateway.schema.plans._kept.values()
    assert plan.is_personal is is_personal


async def test_needs_the_permission_to_read(gateway: Gateway) -> None:
    nobody = Caller("key_1", frozenset(), None, gateway.caller.namespace_id)

    alone = await gateway.refusal(caller=nobody)
    await gateway.follow()
    beside = await gateway.refusal(caller=nobody)

    assert alone["extensions"] == beside["extensions"] == {"code": "FORBIDDEN"}
    assert alone["path"] == beside["path"] == ["statusChanged"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("subscription { statusChanged", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ __typename }", "BAD_USER_INPUT"),
        ("query A { __typename } query B { __typename }", "BAD_USER_INPUT"),
        ("subscription { __typename }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nodeStatus { version } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { statusChanged { __typename } nodeStatus(id: 1) { version } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { statusChanged {"
            + " ".join(f"a{number}: __typename" for number in range(31))
            + "} }",
            "LIMIT_EXCEEDED",
        ),
        ("subscription { statusChanged(filter: {kinds: null}) { __typename } }", "BAD_USER_INPUT"),
        (
            "subscription { statusChanged(filter: {nodeIds: ["
            + '"a" ' * 1001
            + "]}) { __typename } }",
            "BAD_USER_INPUT",
        ),
        (
            r'subscription { statusChanged(filter: {nodeIds: ["a\u0000"]}) { __typename } }',
            "BAD_USER_INPUT",
        ),
    ],
)
async def test_refuses_documents_as_queries_are_refused(
    gateway: Gateway, text: str, code: str
) -> None:
    error = await gateway.refusal(text)

    assert error["extensions"]["code"] == code
    assert gateway.what_is_left() == (0, 0, 0, 0)

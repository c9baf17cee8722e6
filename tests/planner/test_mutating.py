"""Mutations on the short road: the bytes of the long one, and made once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from gateway.database.ids import new_id
from gateway.database.pool import open_database
from gateway.enums import Permission
from gateway.http.strict_json import encode
from gateway.planner.outcome import Outcome
from gateway.schema import GatewaySchema, make_schema
from tests.client import Client
from tests.conftest import Shared
from tests.operations import (
    CREATE_BUCKET,
    CREATE_OBJECT,
    DELETE_BUCKET,
    DELETE_OBJECT,
    FREE_SCHEMA,
    PATCH_BUCKET,
    PATCH_OBJECT,
    SCHEMA,
    UPDATE_STATUS,
    UPDATE_STATUSES,
    new_bucket,
    new_collection,
    new_document,
    new_object,
    text_blob,
)

_ERRORS = """
errors {
  __typename code message path
  ... on FieldError { allowed }
  ... on ConflictError { existing { __typename id } currentVersion }
}
"""


def mutation(field: str, input: str, payload: str) -> str:
    return f"mutation ($input: {input}!) {{ {field}(input: $input) {{ {payload} {_ERRORS} }} }}"


CREATE_COLLECTION = mutation(
    "createCollection",
    "CreateCollectionInput",
    "collection { id collectionName enabled metadata featureExtractor { name parameters } }",
)
PATCH_COLLECTION = mutation(
    "patchCollection", "PatchCollectionInput", "collection { id enabled metadata }"
)
CREATE_DOCUMENT = mutation(
    "createDocument",
    "CreateDocumentInput",
    "document { id metadata vector lineageChain { timestamp } documentBlobs { role checksum } }",
)
PATCH_DOCUMENT = mutation("patchDocument", "PatchDocumentInput", "document { id metadata version }")
DELETE_DOCUMENT = f"mutation ($id: ID!) {{ deleteDocument(id: $id) {{ deletedId {_ERRORS} }} }}"
CREATE_UPLOAD = mutation(
    "createUpload",
    "CreateUploadInput",
    "upload { id filename status expiresAt target { __typename method headers to: url"
    " parts { number sizeBytes } } receivedParts { number } }",
)
CONFIRM_UPLOAD = mutation("confirmUpload", "ConfirmUploadInput", "upload { id status }")
CREATE_NAMESPACE = mutation(
    "createNamespace", "CreateNamespaceInput", "namespace { id description bucketCount }"
)
CREATE_KEY = mutation(
    "createApiKey", "CreateApiKeyInput", "secret apiKey { id name permissions expiresAt }"
)
ROTATE_KEY = (
    f"mutation ($id: ID!) {{ rotateApiKey(id: $id) {{ secret apiKey {{ id }} {_ERRORS} }} }}"
)
REVOKE_KEY = f"mutation ($id: ID!) {{ revokeApiKey(id: $id) {{ apiKey {{ status }} {_ERRORS} }} }}"

ALIASES = f"""
mutation Make($input: CreateObjectInput!) {{
  made: createObject(input: $input) {{
    kind: __typename thing: object {{ name: id metadata }} skippedBlobs {{ id }} wrong: {_ERRORS}
  }}
}}
"""
IN_PLACE = f"""
mutation ($bucket: ID!, $blobs: [CreateBlobInput!]!, $title: JSON = "none") {{
  createObject(input: {{
    bucketId: $bucket, blobs: $blobs, skipDuplicates: true,
    metadata: {{title: $title, list: [1, 2.5, true, null]}}
  }}) {{ object {{ id metadata blobs {{ hash: details {{ hash }} }} }} skippedBlobs {{ id }}
    {_ERRORS}
  }}
}}
"""
DEFAULT = f"""
mutation (
  $input: CreateBucketInput! = {{
    bucketName: "of the document", bucketSchema: {{properties: {{a: {{type: "text"}}}}}}
  }}
) {{
  createBucket(input: $input) {{ bucket {{ bucketName }} {_ERRORS} }}
}}
"""
SIGNED = """
mutation ($input: CreateObjectInput!, $for: Int) {
  createObject(input: $input) { object { blobs { presignedUrl(expiresIn: $for) } } errors { code } }
}
"""
WITH_FRAGMENT = """
mutation ($input: CreateObjectInput!, $more: Boolean!) {
  createObject(input: $input) { object { ...Parts } errors { ...Wrong } }
}
fragment Parts on BucketObject { id metadata @include(if: $more) }
fragment Wrong on UserError { code ... on FieldError { allowed } }
"""
ON_THE_LONG_ROAD = [
    "mutation ($input: CreateObjectInput!) { ...All }"
    " fragment All on Mutation { createObject(input: $input) { object { id } } }",
    "mutation ($input: CreateObjectInput!) { createObject(input: $input) { ...Payload } }"
    " fragment Payload on ObjectPayload { object { id } errors { code } }",
    "mutation ($input: CreateObjectInput!)"
    " { createObject(input: $input) { object { id } object { metadata } } }",
    "mutation ($input: CreateObjectInput!)"
    " { createObject(input: $input) @include(if: false) { object { id } } }",
    "mutation ($input: CreateObjectInput!)"
    " { createObject(input: $input) { object { id } errors @skip(if: true) { code } } }",
    "mutation ($input: CreateObjectInput!)"
    " { a: createObject(input: $input) { object { id } }"
    " b: createObject(input: $input) { object { id } } }",
    "mutation ($input: CreateObjectInput!) { createObject(input: $input) { nothing } }",
]


class World(NamedTuple):
    """A namespace with one thing of each kind."""

    client: Client
    ids: dict[str, Any]


class Case(NamedTuple):
    """A mutation, and its variables in a world."""

    text: str
    variables: Callable[[dict[str, Any]], dict[str, Any]]


def case(text: str, **variables: Any) -> Case:
    """Return a case with the same variables in each world."""
    return Case(text, lambda _: variables)


def made(text: str, build: Callable[[dict[str, Any]], dict[str, Any]]) -> Case:
    """Return a case whose input tells ids of the world."""
    return Case(text, lambda ids: {"input": build(ids)})


def an_object(**input: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda ids: {"bucketId": ids["bucket"]} | input


def an_upload(**input: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    file = {"filename": "a.png", "contentType": "image/png", "fileSizeBytes": 5}
    return lambda ids: {"bucketId": ids["bucket"]} | file | input


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels else {}


def several_statuses(*names: str) -> Case:
    """Return a case that queues things of the world; the last result is the last of the answer."""
    text = UPDATE_STATUSES.replace("succeeded failed", "")
    return Case(
        text, lambda ids: {"inputs": [{"id": ids[name], "status": "QUEUED"} for name in names]}
    )


NUL_BELOW = text_blob("b") | {"metadata": {"a": ["\0"]}}
CASES = {
    "a bucket": case(CREATE_BUCKET, input={"bucketName": "new", "bucketSchema": SCHEMA}),
    "null for what may be null": case(
        CREATE_BUCKET,
        input={
            "bucketName": "new", "bucketSchema": FREE_SCHEMA, "description": None, "metadata": None
        },
    ),
    "the document's default": case(DEFAULT),
    "a name that is taken": case(
        CREATE_BUCKET, input={"bucketName": "pics", "bucketSchema": FREE_SCHEMA}
    ),
    "several faults": case(
        CREATE_BUCKET,
        input={"bucketName": "", "bucketSchema": {"properties": {"a": {"type": "x"}, "b": 1}}},
    ),
    "no variables": case(CREATE_BUCKET),
    "null for the input": case(CREATE_BUCKET, input=None),
    "a field is missing": case(CREATE_BUCKET, input={"bucketName": "new"}),
    "an unknown field": case(CREATE_BUCKET, input={"bucketName": "new", "colour": "red"}),
    "a number for a name": case(CREATE_BUCKET, input={"bucketName": 5, "bucketSchema": {}}),
    "a NUL": case(CREATE_BUCKET, input={"bucketName": "a\0b", "bucketSchema": {}}),
    "a NUL in a key": case(CREATE_BUCKET, input={"bucketName": "a", "bucketSchema": {"a\0": 1}}),
    "half a pair": case(
        CREATE_BUCKET, input={"bucketName": "a", "bucketSchema": {"a": ["\ud800"]}}
    ),
    "two faults in the text": case(
        CREATE_BUCKET, input={"metadata": {"a": "\0"}, "bucketName": "a\0b", "bucketSchema": {}}
    ),
    "nothing of a bucket": made(PATCH_BUCKET, lambda ids: {"id": ids["bucket"]}),
    "null clears": made(
        PATCH_BUCKET,
        lambda ids: {"id": ids["bucket"], "description": None, "metadata": None, "isLocked": None},
    ),
    "null for a name": made(PATCH_BUCKET, lambda ids: {"id": ids["bucket"], "bucketName": None}),
    "an enum": made(PATCH_BUCKET, lambda ids: {"id": ids["bucket"], "status": "ARCHIVED"}),
    "no such word": made(PATCH_BUCKET, lambda ids: {"id": ids["bucket"], "status": "GONE"}),
    "a word that does not fit": made(
        PATCH_BUCKET, lambda ids: {"id": ids["bucket"], "status": "DRAFT"}
    ),
    "an old version": made(
        PATCH_BUCKET,
        lambda ids: {"id": ids["bucket"], "expectedVersion": 7, "metadata": {"a": None}},
    ),
    "delete a bucket": Case(DELETE_BUCKET, lambda ids: {"id": ids["bucket"]}),
    "delete nothing": case(DELETE_BUCKET, id="bkt_x"),
    "a number for an id": case(DELETE_BUCKET, id=5),
    "a NUL in an argument": case(DELETE_OBJECT, id="a\0b"),
    "an object": made(CREATE_OBJECT, an_object(metadata={"a": 1}, blobs=[text_blob("b")])),
    "an empty object": made(CREATE_OBJECT, an_object()),
    "null for a list": made(CREATE_OBJECT, an_object(blobs=None)),
    "one for a list": made(CREATE_OBJECT, an_object(blobs=text_blob("b"))),
    "data that are null": made(CREATE_OBJECT, an_object(blobs=[text_blob("b") | {"data": None}])),
    "no data": made(CREATE_OBJECT, an_object(blobs=[{"property": "text", "type": "text"}])),
    "skipped": made(CREATE_OBJECT, an_object(blobs=[text_blob("a")], skipDuplicates=True)),
    "an unknown bucket": case(CREATE_OBJECT, input={"bucketId": new_id("bkt")}),
    "faults below": made(
        CREATE_OBJECT,
        an_object(
            keyPrefix="", metadata=[1], blobs=[{"property": "x", "type": "y"}, text_blob("b")]
        ),
    ),
    "a NUL far below": made(
        CREATE_OBJECT, an_object(blobs=[text_blob("b"), NUL_BELOW])
    ),
    "too deep": made(CREATE_OBJECT, an_object(metadata=nested(101))),
    "many brackets": made(CREATE_OBJECT, an_object(metadata={"a": [[]] * 200, "b": "{" * 200})),
    "aliases": made(ALIASES, an_object(metadata={"a": 1})),
    "aliases of a fault": made(ALIASES, an_object(metadata=5)),
    "written in the document": Case(
        IN_PLACE,
        lambda ids: {"bucket": ids["bucket"], "blobs": [text_blob("a"), text_blob("b")]},
    ),
    "links": Case(
        SIGNED,
        lambda ids: {"input": {"bucketId": ids["bucket"], "blobs": [text_blob("b")]}, "for": 60},
    ),
    "links for too long": Case(
        SIGNED,
        lambda ids: {"input": {"bucketId": ids["bucket"], "blobs": [text_blob("b")]}, "for": -1},
    ),
    "fragments": Case(
        WITH_FRAGMENT, lambda ids: {"input": {"bucketId": ids["bucket"]}, "more": True}
    ),
    "fragments of a fault": Case(
        WITH_FRAGMENT,
        lambda ids: {"input": {"bucketId": ids["bucket"], "metadata": 1}, "more": False},
    ),
    "patch an object": made(
        PATCH_OBJECT, lambda ids: {"id": ids["object"], "metadata": {"b": 1}, "keyPrefix": None}
    ),
    "nothing of an object": made(PATCH_OBJECT, lambda ids: {"id": ids["object"]}),
    "delete an object": Case(DELETE_OBJECT, lambda ids: {"id": ids["object"]}),
    "a collection": made(
        CREATE_COLLECTION,
        lambda ids: {
            "collectionName": "new",
            "source": {"type": "BUCKET", "bucketIds": [ids["bucket"]]},
            "featureExtractor": {
                "name": "x",
                "version": "v1",
                "parameters": {"deep": [{"a": None}]},
                "fieldPassthrough": [{"sourcePath": "a"}, {"sourcePath": "b", "targetPath": "c"}],
            },
        },
    ),
    "a collection of nothing": case(
        CREATE_COLLECTION,
        input={
            "collectionName": "new",
            "source": {"type": "COLLECTION"},
            "featureExtractor": {"name": "x", "version": "v1"},
        },
    ),
    "patch a collection": made(
        PATCH_COLLECTION, lambda ids: {"id": ids["collection"], "enabled": False, "metadata": None}
    ),
    "a document": made(
        CREATE_DOCUMENT,
        lambda ids: {
            "collectionId": ids["collection"],
            "sourceType": "BUCKET",
            "sourceObjectId": ids["object"],
            "vector": [1, 2.5],
            "lineageChain": [
                {
                    "collectionId": ids["collection"],
                    "featureExtractorId": "films_v1",
                    "timestamp": "2026-11-21T22:04:12+01:00",
                }
            ],
            "features": [{"featureExtractorId": "x", "payload": None}],
            "documentBlobs": [{"field": "a", "role": "ARTIFACT", "type": "text", "data": "b"}],
        },
    ),
    "a moment that is none": made(
        CREATE_DOCUMENT,
        lambda ids: {
            "collectionId": ids["collection"],
            "lineageChain": [{"collectionId": "c", "featureExtractorId": "x", "timestamp": "now"}],
        },
    ),
    "a document that contradicts": made(
        CREATE_DOCUMENT,
        lambda ids: {
            "collectionId": ids["collection"],
            "sourceObjectId": ids["object"],
            "rootBucketId": "bkt_x",
            "lineagePath": "elsewhere",
        },
    ),
    "patch a document": made(
        PATCH_DOCUMENT, lambda ids: {"id": ids["document"], "metadata": {"a": {"b": 1}}}
    ),
    "null for a document": made(
        PATCH_DOCUMENT, lambda ids: {"id": ids["document"], "metadata": None}
    ),
    "nothing of a document": made(PATCH_DOCUMENT, lambda ids: {"id": ids["document"]}),
    "delete a document": Case(DELETE_DOCUMENT, lambda ids: {"id": ids["document"]}),
    "an upload": made(CREATE_UPLOAD, an_upload()),
    "an upload in parts": made(CREATE_UPLOAD, an_upload(fileSizeBytes=2**25, multipart=True)),
    "an upload of what is there": made(
        CREATE_UPLOAD, an_upload(fileSizeBytes=1, fileHash=hashlib.sha256(b"a").hexdigest())
    ),
    "an upload that cannot be": made(CREATE_UPLOAD, an_upload(fileSizeBytes=-1, filename="")),
    "confirm nothing": case(
        CONFIRM_UPLOAD, input={"uploadId": new_id("upl"), "parts": [{"number": 1, "etag": "x"}]}
    ),
    "a status": made(UPDATE_STATUS, lambda ids: {"id": ids["object"], "status": "QUEUED"}),
    "a status of a document": made(
        UPDATE_STATUS,
        lambda ids: {"id": ids["document"], "status": "QUEUED", "error": "again: é \U0001f600"},
    ),
    "a status out of turn": made(
        UPDATE_STATUS, lambda ids: {"id": ids["object"], "status": "COMPLETED"}
    ),
    "a status of an old version": made(
        UPDATE_STATUS, lambda ids: {"id": ids["object"], "status": "QUEUED", "expectedVersion": 7}
    ),
    "a status of a bucket": made(
        UPDATE_STATUS, lambda ids: {"id": ids["bucket"], "status": "ARCHIVED", "error": "a" * 10001}
    ),
    "an error with a NUL": made(
        UPDATE_STATUS, lambda ids: {"id": ids["object"], "status": "QUEUED", "error": "a\0b"}
    ),
    "statuses": several_statuses("document", "object", "object"),
    "no statuses": several_statuses(),
    "statuses of which one fails": several_statuses("object", "document", "bucket"),
    "a namespace": made(CREATE_NAMESPACE, lambda ids: {"namespaceName": ids["name"]}),
    "a key": case(
        CREATE_KEY,
        input={"name": "k", "permissions": ["READ"], "expiresAt": "2999-01-01T00:00:00Z"},
    ),
    "one permission for a list": case(CREATE_KEY, input={"name": "k", "permissions": "READ"}),
    "a key elsewhere": case(
        CREATE_KEY, input={"name": "k", "permissions": ["READ"], "namespaces": ["nowhere"]}
    ),
    "rotate no key": case(ROTATE_KEY, id=new_id("key")),
    "revoke no key": case(REVOKE_KEY, id="key_x"),
}  # fmt: skip

_ID = re.compile(rb"[a-z]+_[0-9a-hjkmnp-tv-z]{26}")
_PASSING = re.compile(
    rb'\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)|sk_[\w-]+|"sk_[^"]*"|expires=\d+|sig\w*=[\w-]+|/[0-9a-f]{32}\?'
)


def alike(answer: bytes, name: str) -> bytes:
    """Return an answer without what differs from one making to the next."""
    ids: dict[bytes, bytes] = {}
    text = answer.replace(name.encode(), b"<name>")
    text = _ID.sub(lambda found: ids.setdefault(found[0], b"<id %d>" % len(ids)), text)
    return _PASSING.sub(b"<passing>", text)


async def new_world(client: Client) -> World:
    """Make a world in a namespace of its own."""
    there = await client.elsewhere()
    bucket = await new_bucket(there, description="of pictures", metadata={"a": 1})
    made = await new_object(there, bucket, metadata={"a": 1}, blobs=[text_blob("a")])
    collection = await new_collection(there, "films", bucketIds=[bucket["id"]])
    document = await new_document(there, collection, sourceObjectId=made["id"])
    ids = {
        "bucket": bucket["id"],
        "object": made["id"],
        "collection": collection,
        "document": document,
        "name": new_id("world"),  # which no other namespace is called
    }
    return World(there, ids)


async def long_road(schema: GatewaySchema, world: World, case: Case, root: Any = None) -> bytes:
    result = await schema.execute(
        case.text,
        variable_values=case.variables(world.ids),
        context_value=world.client.context(),
        root_value=root,
    )
    errors = {"errors": [each.formatted for each in result.errors]} if result.errors else {}
    return alike(encode({"data": result.data, **errors}), world.ids["name"])


async def short_road(schema: GatewaySchema, world: World, case: Case) -> tuple[bytes, str]:
    """Return what a client is answered, and which road it came."""
    answer = await schema.answer(case.text, case.variables(world.ids), None, world.client.context())
    if isinstance(answer, bytes):
        return alike(answer, world.ids["name"]), "short"
    way = "long" if answer is None else "handed on"
    return await long_road(schema, world, case, answer), way


async def counts(world: World) -> dict[str, int]:
    stored = await world.client.stored()
    return {name: len(rows) for name, rows in stored.items() if not name.endswith("_tallies")}


@pytest.mark.parametrize("name", CASES)
async def test_both_roads_give_the_same_bytes(
    client: Client, schema: GatewaySchema, name: str
) -> None:
    one, other = await new_world(client), await new_world(client)
    case = CASES[name]

    expected = await long_road(schema, one, case)
    answer, way = await short_road(schema, other, case)

    assert answer == expected
    assert await counts(other) == await counts(one)
    assert b"GRAPHQL_VALIDATION_FAILED" not in answer
    # Whatever the errors are called.
    went_well = answer.endswith((b'":[]}}}', b'":[]}]}}}'))
    assert (way == "short") == went_well


async def test_both_roads_give_the_same_bytes_of_a_replay(
    client: Client, schema: GatewaySchema
) -> None:
    world = await new_world(client)
    replayed = CREATE_OBJECT.replace("skippedBlobs", "replayed skippedBlobs")
    case = made(replayed, an_object(blobs=[text_blob("a")], idempotencyKey="k1"))
    first, _ = await short_road(schema, world, case)

    answer, way = await short_road(schema, world, case)

    assert way == "short"
    assert answer == first.replace(b'"replayed":false', b'"replayed":true') != first
    assert await long_road(schema, world, case) == answer


@pytest.mark.parametrize("text", ON_THE_LONG_ROAD)
async def test_what_does_not_fit_is_not_begun(
    client: Client, schema: GatewaySchema, text: str
) -> None:
    world = await new_world(client)
    case = made(text, an_object())
    before = await world.client.stored()

    answer = await schema.answer(text, case.variables(world.ids), None, world.client.context())

    assert answer is None
    assert await world.client.stored() == before


async def test_who_has_not_planned_yet_hands_on(client: Client) -> None:
    schema = make_schema()
    world = await new_world(client)
    ways = []
    for metadata in ({}, {"a": 1}, {"b": {"c": [None]}}):  # other keys take no other plan
        _, way = await short_road(schema, world, made(CREATE_OBJECT, an_object(metadata=metadata)))
        ways.append(way)
    schema.forget_plans()
    _, way = await short_road(schema, world, made(CREATE_OBJECT, an_object()))

    assert [*ways, way] == ["handed on", "short", "short", "handed on"]
    assert (await counts(world))["objects"] == 1 + 4


async def test_refuses_who_may_not_write(client: Client, schema: GatewaySchema) -> None:
    world = await new_world(client)
    reader = world._replace(client=world.client.holding(Permission.READ))
    case = made(CREATE_OBJECT, an_object())
    before = await world.client.stored()

    answer, _ = await short_road(schema, reader, case)

    assert b'"code":"FORBIDDEN"' in answer
    assert answer == await long_road(schema, reader, case)
    assert await world.client.stored() == before


async def test_tells_of_an_outage(client: Client, schema: GatewaySchema, shared: Shared) -> None:
    world = await new_world(client)
    async with open_database(shared.url) as gone:
        away = Client(gone, client.blobs, client.blob_folder, world.client.caller)
    case = made(CREATE_OBJECT, an_object())

    answer, _ = await short_road(schema, world._replace(client=away), case)

    assert b'"code":"UNAVAILABLE"' in answer
    assert answer == await long_road(schema, world._replace(client=away), case)


async def test_variables_of_the_payload_change_its_plan(
    client: Client, schema: GatewaySchema
) -> None:
    world = await new_world(client)
    answers = []
    for more in (True, False, True):
        variables = {"input": {"bucketId": world.ids["bucket"]}, "more": more}
        answers.append(await short_road(schema, world, case(WITH_FRAGMENT, **variables)))

    assert [b"metadata" in answer for answer, _ in answers] == [True, False, True]
    assert answers[2][1] == "short"


async def test_a_fault_after_the_commit_makes_nothing_run_again(
    client: Client, schema: GatewaySchema, caplog: pytest.LogCaptureFixture
) -> None:
    world = await new_world(client)
    broken = Client(client.database, client.blobs, client.blob_folder, world.client.caller)
    nobody: Any = None
    broken.housekeeper = nobody  # who is woken once the object is gone
    case = Case(DELETE_OBJECT, lambda ids: {"id": ids["object"]})

    answer, _ = await short_road(schema, world._replace(client=broken), case)

    assert b"Unexpected error." in answer
    assert b"INTERNAL_SERVER_ERROR" in answer
    assert caplog.text.count("unexpected error at ['deleteObject']") == 1
    assert (await counts(world))["objects"] == 0


async def test_an_outcome_gives_what_it_was_made_of() -> None:
    assert Outcome("payload").payload() == "payload"
    with pytest.raises(ValueError, match="why"):
        Outcome(error=ValueError("why")).payload()

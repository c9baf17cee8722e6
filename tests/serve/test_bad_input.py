"""What a client can mend is told with a code and a path, and leaves the database as it was."""

from __future__ import annotations

from typing import Any, NamedTuple

import asyncpg
import pytest

from gateway.database.embedded.address import url_of
from tests.serve.gateways import Gateway

ERRORS = "errors { code message path ... on FieldError { allowed } }"
CREATE = {
    kind: f"""
        mutation ($input: Create{kind}Input!) {{
          create{kind}(input: $input) {{ made: {kind.lower()} {{ id }} {ERRORS} }}
        }}
    """
    for kind in ("Namespace", "Bucket", "Object", "Collection", "Document")
}
PATCH = {
    kind: f"""
        mutation ($input: Patch{kind}Input!) {{
          patch{kind}(input: $input) {{ made: {kind.lower()} {{ id }} {ERRORS} }}
        }}
    """
    for kind in ("Bucket", "Object")
}
DELETE_BUCKET = f"mutation ($id: ID!) {{ deleteBucket(id: $id) {{ made: deletedId {ERRORS} }} }}"

SCHEMA = {
    "properties": {
        "image": {"type": "image"},
        "title": {"type": "string", "required": True},
        "price": {"type": "float"},
    }
}
TITLE = {"title": "x"}
UNKNOWN = "bkt_" + 26 * "0"


class Case(NamedTuple):
    """A refused mutation; ``$name`` in its variables is an id of the fixture ``ids``."""

    operation: str
    variables: dict[str, Any]
    code: str
    path: list[str]


def an_object(**input: Any) -> dict[str, Any]:
    return {"input": {"bucketId": "$bucket", "metadata": TITLE} | input}


def an_image(**blob: Any) -> dict[str, Any]:
    return an_object(blobs=[{"property": "image", "type": "image"} | blob])


CASES = {
    "unknown bucket": Case(
        CREATE["Object"], an_object(bucketId=UNKNOWN), "NOT_FOUND", ["bucketId"]
    ),
    "bucket of another namespace": Case(
        CREATE["Object"], an_object(bucketId="$foreign"), "NOT_FOUND", ["bucketId"]
    ),
    "id of another kind": Case(
        CREATE["Object"], an_object(bucketId="$object"), "NOT_FOUND", ["bucketId"]
    ),
    "wrong type": Case(
        CREATE["Object"],
        an_object(metadata=TITLE | {"price": "cheap"}),
        "SCHEMA_MISMATCH",
        ["metadata", "price"],
    ),
    "required property missing": Case(
        CREATE["Object"], an_object(metadata={}), "SCHEMA_MISMATCH", ["metadata", "title"]
    ),
    "two sources in a blob": Case(
        CREATE["Object"],
        an_image(data={"base64": "AA==", "url": "https://example.org/a.png"}),
        "INVALID",
        ["blobs", "0", "data"],
    ),
    "unknown type of a blob": Case(
        CREATE["Object"],
        an_image(type="picture", data="data:,x"),
        "INVALID",
        ["blobs", "0", "type"],
    ),
    "unknown type in a schema": Case(
        CREATE["Bucket"],
        {"input": {"bucketName": "new", "bucketSchema": {"properties": {"a": {"type": "flaot"}}}}},
        "INVALID",
        ["bucketSchema", "properties", "a", "type"],
    ),
    "name of 300 characters": Case(
        CREATE["Bucket"],
        {"input": {"bucketName": 300 * "x", "bucketSchema": SCHEMA}},
        "TOO_LARGE",
        ["bucketName"],
    ),
    "metadata of 1 MiB": Case(
        CREATE["Object"],
        an_object(metadata=TITLE | {"note": 2**20 * "x"}),
        "TOO_LARGE",
        ["metadata"],
    ),
    "NUL in a name": Case(
        CREATE["Bucket"],
        {"input": {"bucketName": "a\0b", "bucketSchema": SCHEMA}},
        "INVALID",
        ["bucketName"],
    ),
    "NUL in metadata": Case(
        CREATE["Object"],
        an_object(metadata=TITLE | {"note": "a\0b"}),
        "INVALID",
        ["metadata", "note"],
    ),
    "stale version": Case(
        PATCH["Object"],
        {"input": {"id": "$object", "keyPrefix": "/new", "expectedVersion": 7}},
        "VERSION_MISMATCH",
        ["expectedVersion"],
    ),
    "locked bucket": Case(DELETE_BUCKET, {"id": "$locked"}, "LOCKED", ["id"]),
    "parent that contradicts": Case(
        CREATE["Document"],
        {
            "input": {
                "collectionId": "$scenes",
                "sourceDocumentId": "$frame",
                "rootObjectId": "$other_object",
            }
        },
        "INVALID",
        ["rootObjectId"],
    ),
}


def filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: filled(each, ids) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    if isinstance(value, str) and value.startswith("$"):
        return ids[value.removeprefix("$")]
    return value


def make(gateway: Gateway, kind: str, **input: Any) -> str:
    id: str = gateway.mutate(CREATE[kind], **input)["made"]["id"]
    return id


def make_collection(gateway: Gateway, name: str, **source: Any) -> str:
    extractor = {"name": name, "version": "v1"}
    return make(
        gateway, "Collection", collectionName=name, source=source, featureExtractor=extractor
    )


@pytest.fixture(scope="module")
def ids(served: Gateway) -> dict[str, str]:
    """What the cases name."""
    bucket = make(served, "Bucket", bucketName="pics", bucketSchema=SCHEMA)
    locked = make(served, "Bucket", bucketName="locked", bucketSchema=SCHEMA)
    served.mutate(PATCH["Bucket"], id=locked, isLocked=True)
    make(served, "Namespace", namespaceName="another")
    input = {"bucketName": "pics", "bucketSchema": SCHEMA}
    foreign = served.post(CREATE["Bucket"], {"input": input}, namespace="another").json
    objects = [make(served, "Object", bucketId=bucket, metadata=TITLE) for _ in range(2)]
    frames = make_collection(served, "pic frames", type="BUCKET", bucketIds=[bucket])
    scenes = make_collection(served, "pic scenes", type="COLLECTION", collectionIds=[frames])
    return {
        "bucket": bucket,
        "locked": locked,
        "foreign": foreign["data"]["createBucket"]["made"]["id"],
        "object": objects[0],
        "other_object": objects[1],
        "scenes": scenes,
        "frame": make(served, "Document", collectionId=frames, sourceObjectId=objects[0]),
    }


async def everything(gateway: Gateway) -> dict[str, list[str]]:
    """Return all rows of all namespaces but the keys', whose use is noted, and all bytes."""
    url = url_of(gateway.state, "postgres", "gateway")
    assert url is not None
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT quote_ident(tablename) AS name FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename <> 'api_keys'"
        )
        found = {
            name: [row["text"] for row in await connection.fetch(statement)]
            for name, statement in (
                (each["name"], f"SELECT t::text AS text FROM {each['name']} t ORDER BY 1")  # noqa: S608
                for each in tables
            )
        }
    finally:
        await connection.close()
    bytes_kept = (gateway.state / "blobs").rglob("*")
    return found | {"bytes": sorted(str(path) for path in bytes_kept if path.is_file())}


@pytest.mark.parametrize("name", CASES)
async def test_is_refused(name: str, served: Gateway, ids: dict[str, str]) -> None:
    case = CASES[name]
    before = await everything(served)

    answer = served.post(case.operation, filled(case.variables, ids))

    assert answer.status == 200
    (payload,) = answer.json["data"].values()
    assert payload["made"] is None
    assert [(each["code"], each["path"]) for each in payload["errors"]] == [(case.code, case.path)]
    assert await everything(served) == before


def test_what_others_have_is_as_good_as_unknown(served: Gateway, ids: dict[str, str]) -> None:
    messages = set()
    for id in (UNKNOWN, ids["foreign"]):
        answer = served.execute(CREATE["Object"], **filled(an_object(bucketId=id), ids))
        ((message, allowed),) = (
            (each["message"], each.get("allowed")) for each in answer["createObject"]["errors"]
        )
        messages.add((message.replace(id, "…"), allowed))

    assert len(messages) == 1


def test_a_word_that_an_enum_does_not_have_is_told_as_a_whole(
    served: Gateway, ids: dict[str, str]
) -> None:
    input = {"id": ids["bucket"], "status": "OPEN"}

    answer = served.post(PATCH["Bucket"], {"input": input}).json

    assert answer.get("data") is None
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "OPEN" in error["message"]

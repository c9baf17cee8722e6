from __future__ import annotations

from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.enums import Permission
from tests.client import Client
from tests.documents.making import Family, begin_deleting_bucket, make_family
from tests.operations import mutate, refused

PATCH = """
    mutation ($input: PatchDocumentInput!) { patchDocument(input: $input) {
        document { id metadata version lineagePath updatedAt }
        errors { code path message
            ... on ConflictError { currentVersion existing { id } } } } }
"""


async def patch(client: Client, id: str, **changes: Any) -> dict[str, Any]:
    payload = await mutate(client, PATCH, input={"id": id, **changes})
    assert payload["errors"] == []
    document: dict[str, Any] = payload["document"]
    return document


async def test_merges_metadata(client: Client, family: Family) -> None:
    before = await patch(client, family.frame)

    after = await patch(client, family.frame, metadata={"year": None, "tags": {"a": 1, "b": None}})

    assert after["metadata"] == {"title": "Spring", "tags": {"a": 1}}
    assert after["version"] == 2
    assert after["updatedAt"] > before["updatedAt"]
    assert after["lineagePath"] == before["lineagePath"]


async def test_null_clears_metadata(client: Client, family: Family) -> None:
    assert (await patch(client, family.frame, metadata=None))["metadata"] == {}


@pytest.mark.parametrize("changes", [{}, {"metadata": {}}, {"metadata": {"year": 2024, "x": None}}])
async def test_a_patch_that_changes_nothing_is_no_new_version(
    client: Client, family: Family, changes: dict[str, Any]
) -> None:
    before = await client.stored()

    assert (await patch(client, family.frame, **changes))["version"] == 1

    assert await client.stored() == before


async def test_a_number_that_becomes_a_boolean_is_a_change(client: Client, family: Family) -> None:
    await patch(client, family.frame, metadata={"flag": 1})

    after = await patch(client, family.frame, metadata={"flag": True})

    assert (after["metadata"]["flag"], after["version"]) == (True, 3)


async def test_holds_to_the_expected_version(client: Client, family: Family) -> None:
    await patch(client, family.frame, expectedVersion=1, metadata={"a": 1})

    (error,) = await refused(
        client, PATCH, input={"id": family.frame, "expectedVersion": 1, "metadata": {"a": 2}}
    )

    assert error["code"] == "VERSION_MISMATCH"
    assert error["path"] == ["expectedVersion"]
    assert error["currentVersion"] == 2
    assert error["existing"] == {"id": family.frame}


@pytest.mark.parametrize(
    ("metadata", "code"),
    [([], "INVALID"), ("x", "INVALID"), ({"a": "x" * 2**20}, "TOO_LARGE")],
)
async def test_refuses_metadata_that_cannot_be_kept(
    client: Client, family: Family, metadata: Any, code: str
) -> None:
    (error,) = await refused(client, PATCH, input={"id": family.frame, "metadata": metadata})

    assert (error["code"], error["path"]) == (code, ["metadata"])


async def test_refuses_metadata_that_grows_too_large(client: Client, family: Family) -> None:
    half = "x" * 200_000
    await patch(client, family.frame, metadata={"a": half})

    (error,) = await refused(client, PATCH, input={"id": family.frame, "metadata": {"b": half}})

    assert (error["code"], error["path"]) == ("TOO_LARGE", ["metadata"])


async def test_an_id_that_is_no_document_here_is_unknown(client: Client, family: Family) -> None:
    theirs = await make_family(await client.elsewhere())

    for id_ in (new_id("doc"), theirs.frame, family.object, ""):
        (error,) = await refused(client, PATCH, input={"id": id_, "metadata": {"a": 1}})

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["id"])
        assert error["message"] == f"no document has the id '{id_}'"


async def test_documents_go_with_their_bucket(client: Client, family: Family) -> None:
    await begin_deleting_bucket(client, family.bucket)

    (error,) = await refused(client, PATCH, input={"id": family.face, "metadata": {"a": 1}})

    assert (error["code"], error["path"]) == ("NOT_FOUND", ["id"])


async def test_needs_the_permission_to_write(client: Client, family: Family) -> None:
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(PATCH, input={"id": family.frame, "metadata": {"a": 1}})

    assert error["extensions"]["code"] == "FORBIDDEN"

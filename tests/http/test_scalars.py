"""Values that scalars do not take, written into the document or sent beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Served

UPLOAD = """
mutation {head} {{
  createUpload(
    input: {{ bucketId: "b", contentType: "a", filename: "a", fileSizeBytes: 1, {given} }}
  )
  {{ replayed }}
}}
"""
LIST = "query {head} {{ buckets(filter: {{ createdAt: {{ {given} }} }}) {{ totalCount }} }}"
HISTORY = 'query {head} {{ object(id: "x") {{ history({given}) {{ event }} }} }}'
SIZE = UPLOAD.replace("fileSizeBytes: 1, ", "")
CASES: list[tuple[str, str, str, Any, str]] = [
    (SIZE, "fileSizeBytes", "BigInt!", 2**53, "a BigInt is at most 9007199254740991"),
    (SIZE, "fileSizeBytes", "BigInt!", "x", "a BigInt is a whole number"),
    (UPLOAD, "fileHash", "Sha256", "x", "a Sha256 is 64 lower-case hexadecimal digits"),
    (LIST, "gt", "DateTime", 5, "a DateTime is written as in 2026-11-21T22:04:12Z"),
    (LIST, "gt", "DateTime", "2026-02-30T00:00:00Z", "this DateTime is not in the calendar"),
    (HISTORY, "after", "EventCursor", "x", "this is no event cursor"),
]


@pytest.mark.parametrize(("document", "name", "kind", "value", "told"), CASES)
async def test_a_value_that_is_none_is_the_callers_mistake(
    served: Served, document: str, name: str, kind: str, value: Any, told: str
) -> None:
    written = document.format(head="", given=f"{name}: {json.dumps(value)}")
    sent = document.format(head=f"($value: {kind})", given=f"{name}: $value")

    _, literal = await served.post({"query": written})
    _, variable = await served.post({"query": sent, "variables": {"value": value}})

    for answer, code in ((literal, "GRAPHQL_VALIDATION_FAILED"), (variable, "BAD_USER_INPUT")):
        (error,) = answer["errors"]
        assert told in error["message"]
        assert error["extensions"] == {"code": code}
        assert "data" not in answer


async def test_a_number_longer_than_python_reads_is_refused(served: Served) -> None:
    _, answer = await served.post({"query": f"{{ buckets(first: {'9' * 5000}) {{ totalCount }} }}"})

    (error,) = answer["errors"]
    assert error["message"] == "this value cannot be read; a number may have 4300 digits"
    assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}

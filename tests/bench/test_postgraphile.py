"""PostGraphile as a contender; what needs npm is left out unless BENCH_POSTGRAPHILE is a folder."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from bench.reads.load import renewed
from bench.reads.postgraphile import packages
from bench.reads.postgraphile.contender import PostGraphile
from bench.reads.postgraphile.packages import Absent
from bench.reads.workloads import WORKLOADS

_ID = re.compile(r"(obj|blob)_[0-9a-z]{26}")


def test_is_absent_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert packages.install(tmp_path / "packages") == Absent("there is no npm")


def test_is_absent_if_npm_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no way to the registry >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    found = packages.install(tmp_path / "packages")

    assert found == Absent("npm install failed: no way to the registry")


def test_answers_take_the_gateways_shape() -> None:
    postgraphile = PostGraphile(0, 0, {}, "ns_1")
    leaf = {"id": "doc_3", "parent": {"id": "doc_2", "parent": {"id": "doc_1"}}}
    blob = {"id": "blob_1", "sizeBytes": "7", "hash": "ab", "mimeType": None}

    document = postgraphile.answer_in(WORKLOADS["W4"], _answer({"document": leaf}))
    bucket = postgraphile.answer_in(WORKLOADS["W3"], _answer({"bucket": {"blobs": _nodes(blob)}}))

    assert document == {"id": "doc_3", "ancestors": [{"id": "doc_1"}, {"id": "doc_2"}]}
    details = {"sizeBytes": 7, "hash": "ab", "mimeType": None}
    assert bucket == {"blobs": [{"id": "blob_1", "details": details}]}


@pytest.mark.parametrize(
    ("its", "ours"),
    [
        ("2026-01-02T03:04:05.678900+00:00", "2026-01-02T03:04:05.6789+00:00"),
        ("2026-01-02T03:04:50.000000+00:00", "2026-01-02T03:04:50+00:00"),
        ("2026-01-02T03:04:50+00:00", "2026-01-02T03:04:50+00:00"),
    ],
)
def test_moments_are_equal_in_either_notation(its: str, ours: str) -> None:
    answer = _answer({"object": {"createdAt": its}})

    shaped = PostGraphile(0, 0, {}, "ns_1").answer_in(WORKLOADS["W1"], answer)

    assert shaped == {"createdAt": ours}


def test_each_object_gets_ids_of_its_own() -> None:
    _, own = PostGraphile(0, 0, {}, "ns_1").forms(WORKLOADS["W5"])
    blob = {"property": "content", "data": {"a": 1}}
    given: dict[str, object] = {"bucketId": "bkt_1", "keyPrefix": None, "metadata": {}}
    (request,) = own.requests(WORKLOADS["W5"], [{"input": {**given, "blobs": [blob, blob]}}])

    first, second = (_rows(renewed(request)) for _ in range(2))

    for made, *blobs in (first, second):
        assert [each["objectId"] for each in blobs] == [made["rowId"]] * 2
        assert all(_ID.fullmatch(each["rowId"]) for each in (made, *blobs))
    assert len({each["rowId"] for each in (*first, *second)}) == 6


def _rows(request: bytes) -> list[dict[str, str]]:
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    given = json.loads(body)["variables"]
    return [given["object"]["object"], given["first"]["blob"], given["last"]["blob"]]


def _answer(data: object) -> bytes:
    return json.dumps({"data": data}).encode()


def _nodes(*nodes: object) -> dict[str, object]:
    return {"nodes": list(nodes)}

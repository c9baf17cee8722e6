"""The names that an extractor goes by."""

from __future__ import annotations

import hashlib
from typing import Any

from gateway.collections.extractors import config_hash, extractor_id


def row(**columns: Any) -> dict[str, Any]:
    return {
        "extractor_name": "face_detector",
        "extractor_version": "v2",
        "input_mappings": {"image": "image"},
        "field_passthrough": [],
        "parameters": {},
    } | columns


def test_an_extractor_is_known_by_name_and_version() -> None:
    assert extractor_id("face_detector", "v2") == "face_detector_v2"


def test_a_configuration_is_hashed_as_canonical_json() -> None:
    text = (
        '{"field_passthrough":[],"input_mappings":{"image":"image"},"name":"face_detector",'
        '"parameters":{"a":1,"b":0.5},"version":"v2"}'
    )

    assert (
        config_hash(row(parameters={"b": 0.5, "a": 1.0}))
        == hashlib.sha256(text.encode()).hexdigest()
    )


def test_every_part_of_a_configuration_counts() -> None:
    hashes = {
        config_hash(row()),
        config_hash(row(extractor_name="other")),
        config_hash(row(extractor_version="v3")),
        config_hash(row(input_mappings={})),
        config_hash(row(field_passthrough=[{"source_path": "a", "target_path": None}])),
        config_hash(row(parameters={"a": 1})),
    }

    assert len(hashes) == 6


def test_a_large_number_has_a_hash_whether_it_comes_back_as_integer_or_not() -> None:
    large = [10**17, {"n": 2**63}]

    assert config_hash(row(parameters={"large": large})) == config_hash(
        row(parameters={"large": [1e17, {"n": float(2**63)}]})
    )

from __future__ import annotations

import pytest

from tests.differential.world import OURS, THEIRS, World


@pytest.mark.parametrize("seed", range(5))
def test_artifacts_are_made_from_blobs_of_their_root_object(seed: int) -> None:
    """As clients make them, else an object could not be deleted."""
    world = World(seed)
    sources = 0
    for namespace in (OURS, THEIRS):
        objects = {each["id"]: each["object_id"] for each in world.of("blobs", namespace)}
        roots = {each["id"]: each["root_object_id"] for each in world.of("documents", namespace)}
        for artifact in world.of("document_blobs", namespace):
            if (blob_id := artifact["source_blob_id"]) is not None:
                sources += 1
                assert objects[blob_id] == roots[artifact["document_id"]]

    assert sources

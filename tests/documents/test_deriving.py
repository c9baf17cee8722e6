"""How lineage is derived and compared, without a database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.documents import deriving
from gateway.documents.deriving import Lineage, Step
from gateway.errors import TooLarge

FRAMES = Step("col_frames", "frames_v1", timestamp="2026-01-01T00:00:00+00:00")
SCENES = Step("col_scenes", "scenes_v1", timestamp="2026-01-02T00:00:00+00:00")
FACES = Step("col_faces", "faces_v1", timestamp="2026-01-03T00:00:00+00:00")

OF_OBJECT = deriving.of_object(FRAMES, object_id="obj_1", bucket_id="bkt_1")
OF_FRAME = deriving.of_document(SCENES, parent_id="doc_frame", parent=OF_OBJECT)
OF_SCENE = deriving.of_document(FACES, parent_id="doc_scene", parent=OF_FRAME)


def told(stated: Lineage, derived: Lineage) -> list[tuple[str, str | None]]:
    """Return the paths of contradictions, and the ids that are at fault."""
    return [
        (".".join(each.failure.path), each.stated_id)
        for each in deriving.contradictions(stated, derived)
    ]


def test_a_path_grows_by_one_collection_with_each_step() -> None:
    assert [each.lineage_path for each in (OF_OBJECT, OF_FRAME, OF_SCENE)] == [
        "bkt_1/col_frames",
        "bkt_1/col_frames/col_scenes",
        "bkt_1/col_frames/col_scenes/col_faces",
    ]


def test_a_chain_names_the_documents_on_the_way_and_keeps_their_times() -> None:
    assert OF_SCENE.lineage_chain == (
        FRAMES._replace(document_id="doc_frame"),
        SCENES._replace(document_id="doc_scene"),
        FACES,
    )


def test_all_share_the_root() -> None:
    roots = {(each.root_object_id, each.root_bucket_id) for each in (OF_OBJECT, OF_FRAME, OF_SCENE)}

    assert roots == {("obj_1", "bkt_1")}


def test_a_source_is_an_object_or_a_document() -> None:
    assert replace(OF_OBJECT, lineage_chain=()) == Lineage(
        root_object_id="obj_1",
        root_bucket_id="bkt_1",
        source_type="BUCKET",
        source_object_id="obj_1",
        lineage_path="bkt_1/col_frames",
        lineage_chain=(),
    )
    assert replace(OF_FRAME, lineage_chain=()) == Lineage(
        root_object_id="obj_1",
        root_bucket_id="bkt_1",
        source_type="COLLECTION",
        source_collection_id="col_frames",
        source_document_id="doc_frame",
        lineage_path="bkt_1/col_frames/col_scenes",
        lineage_chain=(),
    )


def test_columns_are_what_the_table_keeps() -> None:
    assert OF_FRAME.columns["lineage_chain"] == [
        {
            "collection_id": "col_frames",
            "feature_extractor_id": "frames_v1",
            "document_id": "doc_frame",
            "timestamp": "2026-01-01T00:00:00+00:00",
        },
        {
            "collection_id": "col_scenes",
            "feature_extractor_id": "scenes_v1",
            "document_id": None,
            "timestamp": "2026-01-02T00:00:00+00:00",
        },
    ]


def test_lineage_has_a_greatest_depth() -> None:
    lineage = OF_OBJECT
    for number in range(2, 101):
        lineage = deriving.of_document(SCENES, parent_id=f"doc_{number}", parent=lineage)

    assert len(lineage.lineage_chain or ()) == 100
    with pytest.raises(TooLarge) as refusal:
        deriving.of_document(SCENES, parent_id="doc_100", parent=lineage)
    assert refusal.value.path == ("sourceDocumentId",)


def test_what_is_derived_contradicts_nothing() -> None:
    assert told(OF_SCENE, OF_SCENE) == []
    assert told(Lineage(), OF_SCENE) == []


def test_what_is_left_open_in_a_chain_contradicts_nothing() -> None:
    chain = tuple(
        step._replace(document_id=None, timestamp=None) for step in (FRAMES, SCENES, FACES)
    )

    assert told(Lineage(lineage_chain=chain), OF_SCENE) == []


def test_finds_every_contradiction() -> None:
    chain = (
        FRAMES._replace(collection_id="col_x", feature_extractor_id="x", document_id="doc_x"),
        SCENES._replace(document_id="doc_y"),
        FACES._replace(document_id="doc_z"),
    )
    stated = Lineage(
        root_object_id="obj_2",
        root_bucket_id="bkt_2",
        source_collection_id="col_2",
        lineage_path="bkt_1",
        lineage_chain=chain,
    )

    assert told(stated, OF_SCENE) == [
        ("rootObjectId", "obj_2"),
        ("rootBucketId", "bkt_2"),
        ("sourceCollectionId", "col_2"),
        ("lineagePath", None),
        ("lineageChain.0.collectionId", "col_x"),
        ("lineageChain.0.featureExtractorId", None),
        ("lineageChain.0.documentId", "doc_x"),
        ("lineageChain.1.documentId", "doc_y"),
        ("lineageChain.2.documentId", "doc_z"),
    ]


def test_a_chain_of_another_length_is_one_contradiction() -> None:
    assert told(Lineage(lineage_chain=(FACES,)), OF_SCENE) == [("lineageChain", None)]


def test_stated_times_are_taken_over_where_there_are_any() -> None:
    early = "2020-01-01T00:00:00+00:00"
    chain = (FRAMES._replace(timestamp=None), SCENES._replace(timestamp=early), FACES)

    taken = deriving.with_stated_times(OF_SCENE, Lineage(lineage_chain=chain))

    assert [step.timestamp for step in taken.lineage_chain or ()] == [
        FRAMES.timestamp,
        early,
        FACES.timestamp,
    ]
    assert deriving.with_stated_times(OF_SCENE, Lineage()) == OF_SCENE

"""Documents as callers send them: what can be said of them whatever is stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.checks import check_json, check_name, check_object
from gateway.database.transaction import Transaction
from gateway.documents.artifacts import Artifact, GivenArtifact, read_artifacts
from gateway.documents.deriving import Lineage
from gateway.documents.source_blobs import SourceBlob
from gateway.errors import InvalidInput, Refused, UserFailure
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.uploads import using

MOST_DIMENSIONS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenDocument:
    """A document as a caller sends it.

    Args:
        stated: What the caller says of its lineage; the rest is derived.
        metadata: A JSON object is right.
        features: For each its extractor's id and its payload.
        source_blobs: None: those that its source has.
    """

    collection_id: str
    stated: Lineage
    metadata: Any
    features: Sequence[tuple[str, Any]] = ()
    source_blobs: Sequence[SourceBlob] | None = None
    artifacts: Sequence[GivenArtifact] = ()
    vector: Sequence[float] | None = None

    @property
    def weight(self) -> object:
        """What of this decides how long reading takes; see ``threads.off_loop``."""
        return [self.metadata, self.features, self.vector, [each.data for each in self.artifacts]]


async def with_uploads(tx: Transaction, given: Sequence[GivenDocument]) -> Sequence[GivenDocument]:
    """Return documents with the uploads that their artifacts name, held until ``tx`` ends."""
    ids = {artifact.upload_id for each in given for artifact in each.artifacts} - {None}
    if not ids:
        return given
    held = await using.hold(tx, ids)

    def found(artifact: GivenArtifact) -> GivenArtifact:
        id = artifact.upload_id
        return artifact if id is None else replace(artifact, upload=held.find(id))

    return [replace(each, artifacts=[found(one) for one in each.artifacts]) for each in given]


def read_all(
    given: Sequence[GivenDocument], limits: Limits, *, may_be_elsewhere: bool
) -> list[list[Artifact] | UserFailure | Refused]:
    """Return of each its artifacts, or all that is wrong whatever is stored."""
    outcomes: list[list[Artifact] | UserFailure | Refused] = []
    for each in given:
        try:
            outcomes.append(_read(each, limits, may_be_elsewhere=may_be_elsewhere))
        except (UserFailure, Refused) as failure:
            outcomes.append(failure)
    return outcomes


def _read(given: GivenDocument, limits: Limits, *, may_be_elsewhere: bool) -> list[Artifact]:
    """Return the artifacts, or raise all that is wrong whatever is stored."""
    gathering = Gathering()
    artifacts: list[Artifact] = []
    with gathering.below():
        check_object(given.metadata, ("metadata",), most_bytes=limits.metadata_bytes)
    with gathering.below():
        _check_features(given.features, limits)
    with gathering.below():
        _check_vector(given.vector)
    with gathering.below():
        artifacts = read_artifacts(given.artifacts, limits, may_be_elsewhere=may_be_elsewhere)
    gathering.end()
    return artifacts


def _check_features(features: Sequence[tuple[str, Any]], limits: Limits) -> None:
    root = ("features",)
    for index, (extractor, _) in enumerate(features):
        check_name(
            extractor, (*root, str(index), "featureExtractorId"), most=limits.name_characters
        )
    check_json(
        [{"payload": payload} for _, payload in features], root, most_bytes=limits.inline_bytes
    )


def _check_vector(vector: Sequence[float] | None) -> None:
    path = ("vector",)
    if vector is None:
        return
    if not 1 <= len(vector) <= MOST_DIMENSIONS:
        raise InvalidInput(
            f"vector has {len(vector)} numbers; it has to have 1 to {MOST_DIMENSIONS}", path
        )
    for index, number in enumerate(vector):
        if not math.isfinite(number):
            raise InvalidInput("a vector is made of finite numbers", (*path, str(index)))

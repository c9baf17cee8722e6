"""Makes documents: what is left out derived, what is stated checked against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Text, bindparam, cast, insert, literal_column, select

from gateway.blobs.store import BlobStore
from gateway.checks import check_json, check_name, check_object
from gateway.database.arrays import arrays, columns_of, rows_of
from gateway.database.ids import new_id
from gateway.database.pool import Transaction
from gateway.database.violations import on_violation
from gateway.documents import deriving, source_blobs
from gateway.documents.artifacts import Artifact, GivenArtifact, read_artifacts
from gateway.documents.contradictions import Contradiction, told
from gateway.documents.deriving import Lineage
from gateway.documents.origin import Origin, find_origins
from gateway.documents.source_blobs import SourceBlob
from gateway.documents.tables import DocumentBlobRow, DocumentRow
from gateway.enums import Status
from gateway.errors import (
    InvalidInput,
    NotFound,
    Overtaken,
    Refused,
    TooLarge,
    UserFailure,
)
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects import contents
from gateway.objects.blob_data import BlobContent
from gateway.threads import off_loop
from gateway.uploads import using

MOST_DIMENSIONS = 65_536

_METADATA = ("metadata",)
# What a document names may go after it was found; a bucket's or a collection's rows stay.
_DELETABLE = (
    "fk_documents_namespace_id_root_object_id",
    "fk_documents_namespace_id_root_bucket_id",
    "fk_documents_namespace_id_source_document_id",
    "fk_documents_namespace_id_source_object_id",
    "fk_document_blobs_namespace_id_source_blob_id",
)
# Their values are lists, which in an array would be taken for arrays in one another, so they go as
# text.
_LISTS = columns_of(
    DocumentRow.lineage_chain, DocumentRow.source_blobs, DocumentRow.features, DocumentRow.vector
)
_DOCUMENT = columns_of(
    DocumentRow.id,
    DocumentRow.collection_id,
    DocumentRow.root_object_id,
    DocumentRow.root_bucket_id,
    DocumentRow.source_type,
    DocumentRow.source_collection_id,
    DocumentRow.source_document_id,
    DocumentRow.source_object_id,
    DocumentRow.lineage_path,
    DocumentRow.metadata_,
    DocumentRow.internal_metadata,
) | dict.fromkeys(_LISTS, Text())
_BLOB = columns_of(
    DocumentBlobRow.document_id,
    DocumentBlobRow.position,
    DocumentBlobRow.field,
    DocumentBlobRow.role,
    DocumentBlobRow.type,
    DocumentBlobRow.properties,
    DocumentBlobRow.filename,
    DocumentBlobRow.size_bytes,
    DocumentBlobRow.content_type,
    DocumentBlobRow.hash,
    DocumentBlobRow.has_bytes,
    DocumentBlobRow.source_blob_id,
)


def _add_statement() -> Any:
    new = rows_of("document", _DOCUMENT)
    values = {name: new.c[name] for name in _DOCUMENT} | {
        **{name: cast(new.c[name], kind) for name, kind in _LISTS.items()},
        "namespace_id": bindparam("namespace_id", type_=Text),
        "status": literal_column(f"'{Status.COMPLETED}'"),
    }
    # A row's keys are checked, and what they name is locked, in this order: as by those who delete
    # a document and then what derives from it, which is younger.
    rows = select(*values.values()).order_by(new.c.root_object_id, new.c.source_document_id)
    return insert(DocumentRow).from_select(list(values), rows)


def _add_blobs_statement() -> Any:
    new = rows_of("blob", _BLOB)
    rows = select(bindparam("namespace_id", type_=Text), *new.c)
    return insert(DocumentBlobRow).from_select(["namespace_id", *_BLOB], rows)


_ADD = _add_statement()
_ADD_BLOBS = _add_blobs_statement()


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


Outcome = str | UserFailure | Refused


async def create_document(
    tx: Transaction, store: BlobStore, limits: Limits, given: GivenDocument
) -> str:
    """Keep a document and its artifacts; return its id.

    Its metadata is that of the root object, with the caller's keys in place of equal ones.

    Raises:
        NotFound: An id that is stated is not here.
        InvalidInput: Something stated does not agree with the source, or cannot be as it is.
        TooLarge: Something is beyond its limit.
        Refused: Several of these.
        Unavailable: The store cannot keep the bytes.
    """
    (made,) = await _prepare(tx, limits, [given])
    if isinstance(made, UserFailure | Refused):
        raise made
    try:
        await _keep(tx, store, [made])
    except Overtaken as overtaken:
        raise NotFound("this was deleted just now", (made.named_by,)) from overtaken
    return made.id


async def create_documents(
    tx: Transaction,
    store: BlobStore,
    limits: Limits,
    given: Sequence[GivenDocument],
    *,
    all_or_nothing: bool = False,
) -> list[Outcome]:
    """Keep documents as ``create_document`` does; return of each its id, or why it is not kept.

    Args:
        all_or_nothing: Keep none where one cannot be kept.

    Raises:
        Overtaken: Something they name was deleted just now; try again in another transaction.
        Unavailable: The store cannot keep the bytes.
    """
    outcomes = await _prepare(tx, limits, given)
    made = [each for each in outcomes if isinstance(each, _Made)]
    if len(made) == len(given) or not all_or_nothing:
        await _keep(tx, store, made)
    return [each.id if isinstance(each, _Made) else each for each in outcomes]


async def find_refused(
    tx: Transaction, limits: Limits, given: Sequence[GivenDocument]
) -> list[UserFailure | Refused | None]:
    """Return why documents would be refused now, whatever the bytes are that their URLs name."""
    outcomes = await _prepare(tx, limits, given, may_be_elsewhere=True)
    return [None if isinstance(each, _Made) else each for each in outcomes]


class _Made(NamedTuple):
    """A document that can be kept: the columns of its row and of those of its artifacts."""

    id: str
    named_by: str
    columns: dict[str, Any]
    blobs: list[dict[str, Any]]
    contents: list[BlobContent]


async def _prepare(
    tx: Transaction,
    limits: Limits,
    given: Sequence[GivenDocument],
    *,
    may_be_elsewhere: bool = False,
) -> list[_Made | UserFailure | Refused]:
    """Return documents as they are to be kept, or all that is wrong with them."""
    given = await _with_uploads(tx, given)
    # Not on the event loop: 10 MiB of structured data take seconds to become canonical.
    contents = await off_loop(
        [each.weight for each in given],
        _read_contents,
        given,
        limits,
        may_be_elsewhere=may_be_elsewhere,
    )
    origins = await find_origins(tx, [(each.collection_id, each.stated) for each in given])
    found = [
        [] if isinstance(origin, UserFailure | Refused) else list(_contradictions(each, origin))
        for each, origin in zip(given, origins, strict=True)
    ]
    failures = iter(await told(tx, list(chain.from_iterable(found))))
    contradicted = [list(islice(failures, len(each))) for each in found]
    return await off_loop(
        [each.metadata for each in given],
        lambda: [
            _outcome(*each, limits)
            for each in zip(given, contents, origins, contradicted, strict=True)
        ],
    )


async def _with_uploads(tx: Transaction, given: Sequence[GivenDocument]) -> Sequence[GivenDocument]:
    """Return documents with the uploads that their artifacts name, held until ``tx`` ends."""
    ids = {artifact.upload_id for each in given for artifact in each.artifacts} - {None}
    if not ids:
        return given
    held = await using.hold(tx, ids)

    def found(artifact: GivenArtifact) -> GivenArtifact:
        id = artifact.upload_id
        return artifact if id is None else replace(artifact, upload=held.find(id))

    return [replace(each, artifacts=[found(one) for one in each.artifacts]) for each in given]


def _outcome(
    given: GivenDocument,
    artifacts: list[Artifact] | UserFailure | Refused,
    origin: Origin | UserFailure | Refused,
    contradicted: list[UserFailure],
    limits: Limits,
) -> _Made | UserFailure | Refused:
    gathering = Gathering()
    for each in (artifacts, origin):
        with gathering.below():
            if isinstance(each, UserFailure | Refused):
                raise each
    gathering.failures += contradicted
    try:
        gathering.end()
        if isinstance(artifacts, UserFailure | Refused) or isinstance(
            origin, UserFailure | Refused
        ):
            raise AssertionError("their failures were gathered")
        return _made(given, artifacts, origin, limits)
    except (UserFailure, Refused) as failure:
        return failure


def _made(
    given: GivenDocument, artifacts: Sequence[Artifact], origin: Origin, limits: Limits
) -> _Made:
    id = new_id("doc")
    lineage = deriving.with_stated_times(origin.lineage, given.stated)
    columns = lineage.columns
    features = [
        {"feature_extractor_id": extractor, "payload": payload}
        for extractor, payload in given.features
    ]
    columns |= {
        "id": id,
        "collection_id": given.collection_id,
        "lineage_chain": _json(columns["lineage_chain"]),
        "features": _json(features),
        "source_blobs": _json([each._asdict() for each in _chosen(given, origin)]),
        "vector": _vector_text(given.vector),
        "metadata": _merged(origin.root_metadata, given.metadata, limits),
        "internal_metadata": {
            "ingestion_status": Status.COMPLETED,
            "feature_extractor_config_hash": origin.config_hash,
        },
    }
    blobs = [
        _row(artifact, position) | {"document_id": id}
        for position, artifact in enumerate(artifacts)
    ]
    return _Made(id, origin.named_by, columns, blobs, [each.content for each in artifacts])


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _vector_text(vector: Sequence[float] | None) -> str | None:
    return None if vector is None else "{" + ",".join(map(repr, vector)) + "}"


async def _keep(tx: Transaction, store: BlobStore, made: Sequence[_Made]) -> None:
    """Write documents.

    Raises:
        Overtaken: Something they name was deleted after it was found.
    """
    if not made:
        return
    await contents.keep(tx, store, contents=[each for one in made for each in one.contents])
    rows = [each.columns for each in made]
    blobs = [blob for each in made for blob in each.blobs]
    with on_violation(**dict.fromkeys(_DELETABLE, Overtaken("something was deleted just now"))):
        mine = {"namespace_id": tx.namespace_id}
        await tx.run(_ADD, **mine, **arrays("document", _DOCUMENT, rows))
        if blobs:
            await tx.run(_ADD_BLOBS, **mine, **arrays("blob", _BLOB, blobs))


def _read_contents(
    given: Sequence[GivenDocument], limits: Limits, *, may_be_elsewhere: bool
) -> list[list[Artifact] | UserFailure | Refused]:
    """Return of each its artifacts, or all that is wrong whatever is stored."""
    outcomes: list[list[Artifact] | UserFailure | Refused] = []
    for each in given:
        try:
            outcomes.append(_read_content(each, limits, may_be_elsewhere=may_be_elsewhere))
        except (UserFailure, Refused) as failure:
            outcomes.append(failure)
    return outcomes


def _read_content(
    given: GivenDocument, limits: Limits, *, may_be_elsewhere: bool
) -> list[Artifact]:
    """Return the artifacts, or raise all that is wrong whatever is stored."""
    gathering = Gathering()
    artifacts: list[Artifact] = []
    with gathering.below():
        check_object(given.metadata, _METADATA, most_bytes=limits.metadata_bytes)
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


def _contradictions(given: GivenDocument, origin: Origin) -> Iterator[Contradiction]:
    yield from deriving.contradictions(given.stated, origin.lineage)
    yield from source_blobs.contradictions(given.source_blobs or (), origin.root_blobs)
    for index, artifact in enumerate(given.artifacts):
        blob_id = artifact.source_blob_id
        if blob_id is not None and blob_id not in origin.root_blobs:
            path = ("documentBlobs", str(index), "sourceBlobId")
            yield source_blobs.not_of_root(blob_id, path)


def _chosen(given: GivenDocument, origin: Origin) -> Sequence[SourceBlob]:
    if given.source_blobs is None:
        return origin.source_blobs
    return [origin.root_blobs[each.blob_id] for each in given.source_blobs]


def _merged(root: Mapping[str, Any], own: dict[str, Any], limits: Limits) -> dict[str, Any]:
    merged = {**root, **own}
    size_bytes = len(orjson.dumps(merged))
    if size_bytes > limits.metadata_bytes:
        raise TooLarge(
            f"metadata has {size_bytes} bytes together with that of the root object;"
            f" the most is {limits.metadata_bytes}",
            _METADATA,
        )
    return merged


def _row(artifact: Artifact, position: int) -> dict[str, Any]:
    content = artifact.content
    return {
        "position": position,
        "field": artifact.field,
        "role": artifact.role,
        "type": artifact.type,
        "properties": content.properties,
        "filename": content.filename,
        "size_bytes": content.size_bytes,
        "content_type": content.mime_type,
        "hash": content.hash,
        "has_bytes": content.has_bytes,
        "source_blob_id": artifact.source_blob_id,
    }

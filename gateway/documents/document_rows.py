"""The rows of documents and of their artifacts, and writing many of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Text, bindparam, cast, insert, literal_column, select

from gateway.blobs.store import BlobStore
from gateway.database.arrays import arrays, columns_of, rows_of
from gateway.database.ids import new_id
from gateway.database.transaction import Transaction
from gateway.database.violations import on_violation
from gateway.documents import deriving
from gateway.documents.artifacts import Artifact
from gateway.documents.given_documents import GivenDocument
from gateway.documents.origin import Origin
from gateway.documents.source_blobs import SourceBlob
from gateway.documents.tables import DocumentBlobRow, DocumentRow
from gateway.enums import Status
from gateway.errors import Overtaken, TooLarge
from gateway.limits import Limits
from gateway.objects import contents
from gateway.objects.blob_data import BlobContent

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


class NewDocument(NamedTuple):
    """A document that can be kept: the columns of its row and of those of its artifacts."""

    id: str
    named_by: str
    columns: dict[str, Any]
    blobs: list[dict[str, Any]]
    contents: list[BlobContent]


def make(
    given: GivenDocument, artifacts: Sequence[Artifact], origin: Origin, limits: Limits
) -> NewDocument:
    """Return a document as it is to be kept.

    Raises:
        TooLarge: Its metadata is, together with that of the root object.
    """
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
    return NewDocument(id, origin.named_by, columns, blobs, [each.content for each in artifacts])


async def keep(tx: Transaction, store: BlobStore, made: Sequence[NewDocument]) -> None:
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


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _vector_text(vector: Sequence[float] | None) -> str | None:
    return None if vector is None else "{" + ",".join(map(repr, vector)) + "}"


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
            ("metadata",),
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

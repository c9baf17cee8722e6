"""Reads the blobs that come with a document: thumbnails, processed outputs and the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.buckets.schema_fields import TYPES_OF_BLOBS, read_type, written
from gateway.checks import check_name
from gateway.enums import BlobRole, FieldType
from gateway.errors import InvalidInput, TooLarge, UserFailure
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects import blob_data
from gateway.objects.blob_data import BlobContent
from gateway.objects.filenames import check_filename
from gateway.objects.mime_types import UNKNOWN, check_fits, check_mime_type, guess
from gateway.objects.new_blobs import check_one_content
from gateway.uploads.using import Uploaded
from gateway.wording import shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenArtifact:
    """An artifact as a caller gives it.

    Args:
        type: In any case.
        data: As the blob of an object; None: left out.
        filename, content_type: Those of the content if None, else they go before them.
        upload_id: Of the upload that is the content, instead of ``data``.
        upload: What was found under it, or why it cannot be used.
        content: What ``data`` was found to be, with the bytes that its URL names.
    """

    field: str
    role: BlobRole
    type: str
    data: Any
    filename: str | None = None
    content_type: str | None = None
    source_blob_id: str | None = None
    upload_id: str | None = None
    upload: Uploaded | UserFailure | None = None
    content: BlobContent | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact that can be stored."""

    field: str
    role: BlobRole
    type: FieldType
    content: BlobContent
    source_blob_id: str | None


def read_artifacts(
    given: Sequence[GivenArtifact], limits: Limits, *, may_be_elsewhere: bool = False
) -> list[Artifact]:
    """Return what artifacts mean.

    Args:
        may_be_elsewhere: As of ``blob_data.read``.

    Raises:
        InvalidInput, TooLarge, Refused: One or more cannot be kept; paths begin with
            ``documentBlobs``.
    """
    root = "documentBlobs"
    if len(given) > limits.blobs_per_object:
        raise TooLarge(
            f"{root} has {len(given)} entries; the most is {limits.blobs_per_object}", (root,)
        )
    gathering = Gathering()
    read = []
    for index, each in enumerate(given):
        with gathering.below(root, str(index)):
            read.append(read_artifact(each, limits, may_be_elsewhere=may_be_elsewhere))
    gathering.end()
    return read


def read_artifact(
    given: GivenArtifact, limits: Limits, *, may_be_elsewhere: bool = False
) -> Artifact:
    """Return what an artifact means, as ``read_artifacts`` does of several.

    Raises:
        InvalidInput, TooLarge: It cannot be kept.
    """
    check_name(given.field, ("field",), most=limits.name_characters)
    kind = _read_kind(given.type)
    check_one_content(given.data, given.upload_id)
    if isinstance(given.upload, UserFailure):
        raise given.upload
    if given.upload is not None:
        content = given.upload.content(kind)
    else:
        content = given.content or blob_data.read(
            given.data,
            kind,
            limit_bytes=limits.inline_bytes,
            may_be_elsewhere=may_be_elsewhere,
        )
    if given.filename is not None:
        content = _named(content, check_filename(given.filename, ("filename",)), kind)
    if given.content_type is not None:
        path = ("contentType",)
        mime_type = check_mime_type(given.content_type, path)
        check_fits(mime_type, kind, path)
        source = content.source and replace(content.source, mime_type=mime_type)
        content = replace(content, mime_type=mime_type, source=source)
    return Artifact(given.field, given.role, kind, content, given.source_blob_id)


def _read_kind(word: str) -> FieldType:
    kind = read_type(word)
    if kind not in TYPES_OF_BLOBS:
        raise InvalidInput(
            f"no blob is of the type {shortened(word)!r}",
            ("type",),
            allowed=[written(each) for each in TYPES_OF_BLOBS],
        )
    return kind


def _named(content: BlobContent, filename: str, kind: FieldType) -> BlobContent:
    """Return the content under another name, which may tell a media type that the data did not."""
    mime_type = content.mime_type
    if content.has_bytes and mime_type == UNKNOWN:
        mime_type = guess(content.data or b"", filename=filename, field_type=kind)
    source = content.source and replace(content.source, filename=filename)
    return replace(content, filename=filename, mime_type=mime_type, source=source)

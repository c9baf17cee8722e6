"""Files that were uploaded, as the content of blobs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, any_, bindparam, select

from gateway.database.transaction import Transaction
from gateway.enums import FieldType, Status
from gateway.errors import BadState, InvalidInput, UserFailure
from gateway.objects.blob_data import BlobContent
from gateway.objects.mime_types import UNKNOWN, check_fits, guess
from gateway.uploads import standing
from gateway.uploads.standing import IS_EXPIRED
from gateway.uploads.tables import UploadRow

_PATH = ("uploadId",)
# Who removes an upload waits until what is made of it names its content too, or does not.
_HOLD = (
    select(
        UploadRow.id,
        UploadRow.bucket_id,
        UploadRow.filename,
        UploadRow.content_type,
        UploadRow.size_bytes,
        UploadRow.hash,
        UploadRow.status,
        UploadRow.error,
        IS_EXPIRED,
    )
    .where(
        UploadRow.namespace_id == bindparam("namespace_id"),
        UploadRow.id == any_(bindparam("ids", type_=ARRAY(Text))),
    )
    .order_by(UploadRow.id)
    .with_for_update(read=True, key_share=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """An upload that is held: until the transaction ends it names its content."""

    id: str
    bucket_id: str
    filename: str
    content_type: str
    size_bytes: int
    hash: str | None
    status: str
    error: str | None
    is_expired: bool

    def content(self, kind: FieldType) -> BlobContent:
        """Return it as the content of a blob.

        Raises:
            InvalidInput: Its media type does not fit the blob's type; the path is ``uploadId``.
        """
        mime_type = self.content_type
        check_fits(mime_type, kind, _PATH)
        if mime_type == UNKNOWN:
            mime_type = guess(b"", filename=self.filename, field_type=kind)
        return BlobContent(
            data=None,
            properties={},
            filename=self.filename,
            mime_type=mime_type,
            size_bytes=self.size_bytes,
            hash=self.hash,
            is_held=True,
        )


class HeldUploads:
    """Uploads that blobs name, held until the transaction ends."""

    def __init__(self, found: Iterable[Uploaded] = ()) -> None:
        self._found = {each.id: each for each in found}

    def find(self, id: str, *, bucket_id: str | None = None) -> Uploaded | UserFailure:
        """Return an upload that can be used, or why it cannot.

        Args:
            bucket_id: The bucket that it has to be for; None: any.
        """
        found = self._found.get(id)
        if found is None:
            return standing.unknown(id, _PATH)
        if bucket_id not in (None, found.bucket_id):
            return InvalidInput(
                f"this upload was made for the bucket {found.bucket_id}; create one for this", _PATH
            )
        if found.status == Status.PENDING and not found.is_expired:
            return BadState("the upload is not confirmed yet; call confirmUpload first", _PATH)
        try:
            standing.require_usable(
                status=found.status, error=found.error, is_expired=found.is_expired, path=_PATH
            )
        except BadState as failure:
            return failure
        return found


async def hold(tx: Transaction, ids: Iterable[str | None]) -> HeldUploads:
    """Hold the uploads of these ids; None is no id."""
    wanted = sorted({each for each in ids if each is not None})
    if not wanted:
        return HeldUploads()
    rows = await tx.rows(_HOLD, namespace_id=tx.namespace_id, ids=wanted)
    return HeldUploads(Uploaded(**row) for row in rows)

"""How an upload stands, and what can be done with it then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from gateway.database.transaction import Transaction
from gateway.enums import Status
from gateway.errors import BadState, NotFound
from gateway.uploads.tables import UploadRow
from gateway.wording import shortened

# For how long a confirmed upload can be used; no target works longer than that.
USABLE_S = 24 * 3600

THIS_ONE = (UploadRow.namespace_id == bindparam("namespace_id"), UploadRow.id == bindparam("id"))
IS_EXPIRED = (UploadRow.expires_at <= func.now()).label("is_expired")

_FIND = select(
    UploadRow.size_bytes,
    UploadRow.announced_hash,
    UploadRow.key,
    UploadRow.parts_id,
    UploadRow.part_size_bytes,
    UploadRow.status,
    UploadRow.error,
    IS_EXPIRED,
).where(*THIS_ONE)
# NO KEY UPDATE: objects that are made of it hold the row against its end only.
_LOCK = _FIND.with_for_update(key_share=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload as its row has it."""

    size_bytes: int
    announced_hash: str | None
    key: str | None
    parts_id: str | None
    part_size_bytes: int | None
    status: str
    error: str | None
    is_expired: bool

    @property
    def own_key(self) -> str:
        """The key that clients send the bytes to; each that is not confirmed has one."""
        if self.key is None:
            raise AssertionError("an upload that is pending has a key")
        return self.key

    def require_pending(self, path: Sequence[str]) -> None:
        """Return if its bytes may still come.

        Raises:
            BadState: It is over.
        """
        if self.status == Status.COMPLETED:
            raise BadState("the upload is confirmed already", path)
        self.require_usable(path)

    def require_usable(self, path: Sequence[str]) -> None:
        """Return if it has not failed, and its time is not over.

        Raises:
            BadState: It has, or it is.
        """
        require_usable(status=self.status, error=self.error, is_expired=self.is_expired, path=path)


def require_usable(
    *, status: str, error: str | None, is_expired: bool, path: Sequence[str]
) -> None:
    """Return if an upload has not failed, and its time is not over.

    Raises:
        BadState: It has, or it is.
    """
    if status == Status.CANCELED:
        raise BadState("the upload was aborted; create another", path)
    if status == Status.FAILED:
        raise BadState(f"the upload has failed: {error}", path)
    if is_expired:
        raise BadState("the upload has expired; create another", path)


async def find(tx: Transaction, id: str, path: Sequence[str]) -> Upload:
    """Return an upload.

    Raises:
        NotFound: There is none with the id.
    """
    row = await tx.row(_FIND, namespace_id=tx.namespace_id, id=id)
    if row is None:
        raise unknown(id, path)
    return Upload(**row)


async def lock(tx: Transaction, id: str, path: Sequence[str]) -> Upload:
    """Return an upload that nobody else changes until ``tx`` ends.

    Raises:
        NotFound: There is none with the id.
    """
    row = await tx.row(_LOCK, namespace_id=tx.namespace_id, id=id)
    if row is None:
        raise unknown(id, path)
    return Upload(**row)


def unknown(id: str, path: Sequence[str]) -> NotFound:
    """Return the answer to an id that no upload of the namespace has."""
    return NotFound(f"no upload has the id {shortened(id)!r}; it may have expired", path)

"""The namespace and the key that a private gateway begins with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from gateway.database.ids import new_id
from gateway.database.pool import Database
from gateway.database.state import CannotStart, StateFolder
from gateway.database.transaction import Transaction
from gateway.enums import KeyStatus, Permission
from gateway.limits import Limits
from gateway.namespaces import audit
from gateway.namespaces.audit import Action, Actor
from gateway.namespaces.key_secrets import digest
from gateway.namespaces.key_status import status_of
from gateway.namespaces.keys import create_key
from gateway.namespaces.tables import ApiKeyRow, NamespaceRow

NAMESPACE_NAME = "default"
KEY_NAME = "dev"

_SEE_TO_NAMESPACE = (
    insert(NamespaceRow)
    .values(id=bindparam("id"), namespace_name=bindparam("namespace_name"))
    .on_conflict_do_nothing(index_elements=["namespace_name"])
)
_FIND_MASTER_KEY = select(ApiKeyRow.id).where(
    ApiKeyRow.secret_sha256 == bindparam("digest"),
    ApiKeyRow.namespaces.is_(None),
    status_of(ApiKeyRow) == KeyStatus.ACTIVE.value,
)


@dataclass(frozen=True, slots=True)
class FirstKey:
    """A secret that opens the first namespace; ``was_made``: just now."""

    secret: str = field(repr=False)
    namespace_name: str
    was_made: bool


async def ensure_default(database: Database, key_file: Path) -> FirstKey:
    """See to it that there are a namespace ``default`` and a key for everything; return the key.

    Its secret is kept in ``key_file``, which only its owner may read. If the file is gone, or its
    key no longer works, another key is made.

    Raises:
        CannotStart: The file cannot be read or written.
    """
    try:
        async with database.transaction() as tx:
            return await _ensure(tx, key_file)
    except OSError as error:
        raise CannotStart(f"the key cannot be kept in {key_file} ({error.strerror})") from error


async def _ensure(tx: Transaction, key_file: Path) -> FirstKey:
    by, namespace_id = Actor.at_command_line(), new_id("ns")
    if await tx.run(_SEE_TO_NAMESPACE, id=namespace_id, namespace_name=NAMESPACE_NAME):
        await audit.record(tx, by, Action.NAMESPACE_CREATED, namespace_id, name=NAMESPACE_NAME)
    kept = _read(key_file)
    if await tx.value(_FIND_MASTER_KEY, digest=digest(kept)) is not None:
        return FirstKey(kept, NAMESPACE_NAME, was_made=False)
    made = await create_key(
        tx,
        by=by,
        limits=Limits(),
        reach=None,
        name=KEY_NAME,
        permissions=list(Permission),
        namespaces=None,
        expires_at=None,
    )
    # Before the commit: a key in the database whose secret was never kept would stay for ever.
    StateFolder(key_file.parent).write(key_file.name, made.secret)
    return FirstKey(made.secret, NAMESPACE_NAME, was_made=True)


def _read(key_file: Path) -> str:
    try:
        return key_file.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""

"""Patching collections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB

from gateway.checks import check_name
from gateway.collections import names
from gateway.collections.tables import CollectionRow
from gateway.database.transaction import Transaction
from gateway.database.violations import on_violation
from gateway.errors import InvalidInput, NotFound
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.patching import check_version, patched_metadata
from gateway.wording import shortened

_THIS_ONE = (
    CollectionRow.namespace_id == bindparam("namespace_id"),
    CollectionRow.id == bindparam("id"),
)
# Leaves the key alone, so that writers of its documents go on.
_LOCK = (
    select(
        CollectionRow.collection_name,
        CollectionRow.enabled,
        CollectionRow.metadata_,
        CollectionRow.version,
    )
    .where(*_THIS_ONE)
    .with_for_update(key_share=True)
)
_NEW_NAME: BindParameter[str] = bindparam("new_name")
_NEW_ENABLED: BindParameter[bool] = bindparam("new_enabled")
_NEW_METADATA = bindparam("new_metadata", type_=JSONB)
_CHANGE = (
    update(CollectionRow)
    .where(
        *_THIS_ONE,
        # What changes nothing is no new version.
        or_(
            CollectionRow.collection_name != _NEW_NAME,
            CollectionRow.enabled != _NEW_ENABLED,
            CollectionRow.metadata_ != _NEW_METADATA,
        ),
    )
    .values(
        collection_name=_NEW_NAME,
        enabled=_NEW_ENABLED,
        metadata_=_NEW_METADATA,
        version=CollectionRow.version + 1,
        updated_at=func.now(),
    )
)


async def patch_collection(
    tx: Transaction,
    limits: Limits,
    *,
    id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
) -> None:
    """Change what is named in ``changes``: ``collection_name``, ``enabled`` or ``metadata``.

    A patch under which nothing would be different leaves the version as it is.

    Args:
        changes: ``metadata`` is merged by RFC 7396, and cleared by None; the others cannot be None.

    Raises:
        NotFound: No collection has this id.
        VersionMismatch: The version is not ``expected_version``.
        InvalidInput, TooLarge: A value cannot be as it is.
        AlreadyExists: The name is taken.
        Refused: Several of the last three.
    """
    row = await tx.row(_LOCK, namespace_id=tx.namespace_id, id=id)
    if row is None:
        raise NotFound(f"no collection has the id {shortened(id)!r}", ("id",))
    check_version(expected_version, current=row["version"], id=id)
    name, enabled, metadata = _patched(dict(row), changes, limits)

    if name != row["collection_name"] and (existing_id := await names.find_named(tx, name)):
        raise names.taken(name, existing_id)
    with on_violation(uq_collections_namespace_id_collection_name=names.taken(name)):
        await tx.run(
            _CHANGE,
            namespace_id=tx.namespace_id,
            id=id,
            new_name=name,
            new_enabled=enabled,
            new_metadata=metadata,
        )


def _patched(
    row: Mapping[str, Any], changes: Mapping[str, Any], limits: Limits
) -> tuple[str, bool, dict[str, Any]]:
    """Return the name, the switch and the metadata that the row shall have."""
    name, enabled, metadata = row["collection_name"], row["enabled"], row["metadata"]
    gathering = Gathering()
    with gathering.below():
        if "collection_name" in changes:
            name = check_name(changes["collection_name"], names.PATH, most=limits.name_characters)
    with gathering.below():
        enabled = changes.get("enabled", enabled)
        if enabled is None:
            raise InvalidInput(
                "enabled cannot be cleared; it has to be true or false", ("enabled",)
            )
    with gathering.below():
        if "metadata" in changes:
            metadata = patched_metadata(
                metadata, changes["metadata"], most_bytes=limits.metadata_bytes
            )
    gathering.end()
    return name, enabled, metadata

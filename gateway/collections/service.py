"""The rules of collections: making them, and changing what may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from gateway.checks import check_name, check_object
from gateway.collections import feeding as feeding_rules
from gateway.collections.extractors import Extractor, check_extractor
from gateway.collections.feeding import Feeding
from gateway.collections.tables import CollectionRow
from gateway.database.ids import new_id
from gateway.database.transaction import Transaction
from gateway.database.violations import on_violation
from gateway.errors import AlreadyExists, InvalidInput, NotFound
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.patching import check_version, patched_metadata
from gateway.wording import shortened

_NAME = ("collectionName",)
_METADATA = ("metadata",)

_ADD = (
    insert(CollectionRow)
    .values(
        namespace_id=bindparam("namespace_id"),
        id=bindparam("id"),
        collection_name=bindparam("collection_name"),
        enabled=bindparam("enabled"),
        source_type=bindparam("source_type"),
        extractor_name=bindparam("extractor_name"),
        extractor_version=bindparam("extractor_version"),
        input_mappings=bindparam("input_mappings"),
        field_passthrough=bindparam("field_passthrough"),
        parameters=bindparam("parameters"),
        metadata_=bindparam("metadata"),
    )
    # A violation would end the transaction, in which the one that has the name is looked up.
    .on_conflict_do_nothing(constraint="uq_collections_namespace_id_collection_name")
    .returning(CollectionRow.id)
)
_FIND_BY_NAME = select(CollectionRow.id).where(
    CollectionRow.namespace_id == bindparam("namespace_id"),
    CollectionRow.collection_name == bindparam("collection_name"),
)
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


async def create_collection(
    tx: Transaction,
    limits: Limits,
    *,
    name: str,
    feeding: Feeding,
    extractor: Extractor,
    enabled: bool,
    metadata: Any,
) -> str:
    """Make a collection; return its id.

    Raises:
        InvalidInput, TooLarge: A name, a setting or the metadata cannot be as it is.
        NotFound: What is to feed it is not here.
        AlreadyExists: The name is taken.
        Refused: Several of these.
    """
    gathering = Gathering()
    with gathering.below():
        check_name(name, _NAME, most=limits.name_characters)
    with gathering.below("source"):
        await feeding_rules.check(tx, feeding)
    with gathering.below("featureExtractor"):
        check_extractor(extractor, limits)
    with gathering.below():
        check_object(metadata, _METADATA, most_bytes=limits.metadata_bytes)
    gathering.end()

    collection_id = new_id("col")
    added = await tx.value(
        _ADD,
        namespace_id=tx.namespace_id,
        id=collection_id,
        collection_name=name,
        enabled=enabled,
        source_type=feeding.type.value,
        extractor_name=extractor.name,
        extractor_version=extractor.version,
        input_mappings=extractor.input_mappings,
        field_passthrough=extractor.passthrough_records,
        parameters=extractor.parameters,
        metadata=metadata,
    )
    if added is None:
        raise _is_taken(name, await _holder(tx, name))
    await feeding_rules.add(tx, feeding, collection_id=collection_id)
    return collection_id


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

    if name != row["collection_name"] and (holder := await _holder(tx, name)):
        raise _is_taken(name, holder)
    with on_violation(uq_collections_namespace_id_collection_name=_is_taken(name)):
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
            name = check_name(changes["collection_name"], _NAME, most=limits.name_characters)
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


async def _holder(tx: Transaction, name: str) -> str | None:
    """Return the id of the collection that has the name."""
    holder: str | None = await tx.value(
        _FIND_BY_NAME, namespace_id=tx.namespace_id, collection_name=name
    )
    return holder


def _is_taken(name: str, holder: str | None = None) -> AlreadyExists:
    return AlreadyExists(
        f"another collection is called {name!r}; choose another name", _NAME, existing_id=holder
    )

"""The rules of buckets: creating and patching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.buckets import holding
from gateway.buckets.bucket_schema import parse_schema
from gateway.buckets.tables import BucketRow
from gateway.buckets.unique_keys import read_unique_key
from gateway.checks import check_name, check_object
from gateway.database.ids import new_id
from gateway.database.transaction import Transaction
from gateway.database.violations import on_violation
from gateway.enums import InsertPolicy, Status
from gateway.errors import AlreadyExists, BadState, InvalidInput, Locked, NotFound, TooLarge
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.patching import check_version, patched_metadata
from gateway.wording import shortened

MOST_DESCRIPTION_CHARACTERS = 10_000
# IN_PROGRESS is left out: a bucket is deleted by a mutation of its own.
STATUSES_TO_CHOOSE = (Status.ACTIVE, Status.ARCHIVED, Status.SUSPENDED)

_THIS_ONE = (BucketRow.namespace_id == bindparam("namespace_id"), BucketRow.id == bindparam("id"))

_ADD = (
    insert(BucketRow)
    .values(
        namespace_id=bindparam("namespace_id"),
        id=bindparam("id"),
        bucket_name=bindparam("bucket_name"),
        description=bindparam("description"),
        bucket_schema=bindparam("bucket_schema"),
        metadata_=bindparam("metadata"),
        unique_key_fields=bindparam("unique_key_fields"),
        unique_key_policy=bindparam("unique_key_policy"),
    )
    .on_conflict_do_nothing()  # an error would end the transaction, and hide who has the name
    .returning(BucketRow.id)
)
_FIND_NAMED = select(BucketRow.id).where(
    BucketRow.namespace_id == bindparam("namespace_id"),
    BucketRow.bucket_name == bindparam("bucket_name"),
    BucketRow.status != Status.IN_PROGRESS,
)

_PATCHED = (
    BucketRow.bucket_name,
    BucketRow.description,
    BucketRow.metadata_,
    BucketRow.status,
    BucketRow.is_locked,
)
# NO KEY UPDATE: a full lock would wait until no new object names the bucket, perhaps for ever.
_LOCK_ROW = select(*_PATCHED, BucketRow.version).where(*_THIS_ONE).with_for_update(key_share=True)
_NEW = {column: bindparam(f"new_{column.name}", type_=column.type) for column in _PATCHED}
_CHANGE = (
    update(BucketRow)
    .values({**_NEW, BucketRow.version: BucketRow.version + 1, BucketRow.updated_at: func.now()})
    # A patch that changes nothing leaves the version alone.
    .where(*_THIS_ONE, or_(*(column.is_distinct_from(new) for column, new in _NEW.items())))
)


async def create_bucket(
    tx: Transaction,
    limits: Limits,
    *,
    bucket_name: str,
    bucket_schema: Any,
    description: str | None = None,
    metadata: Any = None,
    unique_key_fields: Sequence[str] | None = None,
    unique_key_policy: InsertPolicy | None = None,
) -> str:
    """Make an empty bucket; return its id.

    Args:
        unique_key_fields: Paths of scalars in the metadata; None: it gets no unique key.

    Raises:
        InvalidInput, TooLarge: A value that cannot be kept, or a schema that is none.
        Refused: Several of these.
        AlreadyExists: The name is taken.
    """
    gathering = Gathering()
    with gathering.below():
        check_name(bucket_name, ("bucketName",), most=limits.name_characters)
    with gathering.below():
        schema = parse_schema(bucket_schema, ("bucketSchema",))
        if unique_key_fields is not None:
            with gathering.below("uniqueKey"):
                read_unique_key(unique_key_fields, unique_key_policy, schema)
    with gathering.below():
        _check_description(description)
    if metadata is None:
        metadata = {}
    with gathering.below():
        check_object(metadata, ("metadata",), most_bytes=limits.metadata_bytes)
    gathering.end()

    id: str | None = await tx.value(
        _ADD,
        namespace_id=tx.namespace_id,
        id=new_id("bkt"),
        bucket_name=bucket_name,
        description=description,
        bucket_schema=bucket_schema,
        metadata=metadata,
        unique_key_fields=unique_key_fields,
        unique_key_policy=unique_key_policy,
    )
    if id is None:
        raise _taken(bucket_name, await _find_named(tx, bucket_name))
    return id


async def patch_bucket(
    tx: Transaction,
    limits: Limits,
    *,
    id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
) -> None:
    """Change what is given of a bucket.

    Args:
        changes: New values of ``bucket_name``, ``description``, ``status`` and ``is_locked``, and
            what ``metadata`` is merged with (RFC 7396; None empties it).

    Raises:
        NotFound: There is no such bucket.
        BadState: It is being deleted.
        Locked: It is locked, and this patch does not unlock it.
        VersionMismatch: It has moved on from ``expected_version``.
        InvalidInput, TooLarge: A value that cannot be kept.
        Refused: Several of these.
        AlreadyExists: The name is taken.
    """
    if changes.keys() & {"is_locked", "status"}:
        await holding.hold_alone(tx, id)
    row = await tx.row(_LOCK_ROW, namespace_id=tx.namespace_id, id=id)
    if row is None:
        raise NotFound(f"no bucket has the id {shortened(id)!r}", ("id",))
    if row["status"] == Status.IN_PROGRESS:
        raise BadState("the bucket is being deleted", ("id",))
    if (
        row["is_locked"]
        and changes.get("is_locked") is not False
        and changes.keys() - {"is_locked"}
    ):
        raise Locked(
            "the bucket is locked; a patch with isLocked: false can change it as well", ("id",)
        )
    check_version(expected_version, current=row["version"], id=id)

    new = _patched(dict(row), changes, limits)
    name = new["bucket_name"]
    if name != row["bucket_name"] and (existing_id := await _find_named(tx, name)):
        raise _taken(name, existing_id)
    with on_violation(
        uq_buckets_namespace_id_bucket_name=_taken(name, None),
        ck_buckets_status_move=BadState(
            f"the bucket is {row['status']} and cannot become {new['status']}", ("status",)
        ),
    ):
        await tx.run(
            _CHANGE,
            namespace_id=tx.namespace_id,
            id=id,
            **{f"new_{column}": value for column, value in new.items()},
        )


def _patched(row: Mapping[str, Any], changes: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """Return the columns of ``row`` as ``changes`` makes them."""
    gathering = Gathering()
    new = {column.name: row[column.name] for column in _PATCHED}
    new.update(changes)
    with gathering.below():
        check_name(new["bucket_name"], ("bucketName",), most=limits.name_characters)
    with gathering.below():
        _check_description(new["description"])
    with gathering.below():
        if "metadata" in changes:
            new["metadata"] = patched_metadata(
                row["metadata"], changes["metadata"], most_bytes=limits.metadata_bytes
            )
    with gathering.below():
        if new["is_locked"] is None:
            raise InvalidInput(
                "isLocked cannot be cleared; it has to be true or false", ("isLocked",)
            )
    with gathering.below():
        if new["status"] not in STATUSES_TO_CHOOSE:
            right = ", ".join(STATUSES_TO_CHOOSE)
            raise InvalidInput(
                f"status has to be one of {right}", ("status",), allowed=STATUSES_TO_CHOOSE
            )
    gathering.end()
    return new


def _check_description(description: str | None) -> None:
    if description is not None and len(description) > MOST_DESCRIPTION_CHARACTERS:
        raise TooLarge(
            f"description has {len(description)} characters;"
            f" the most is {MOST_DESCRIPTION_CHARACTERS}",
            ("description",),
        )


async def _find_named(tx: Transaction, bucket_name: str) -> str | None:
    """Return the id of the bucket that has the name."""
    id: str | None = await tx.value(
        _FIND_NAMED, namespace_id=tx.namespace_id, bucket_name=bucket_name
    )
    return id


def _taken(bucket_name: str, existing_id: str | None) -> AlreadyExists:
    return AlreadyExists(
        f'there is a bucket "{shortened(bucket_name)}" already; choose another name',
        ("bucketName",),
        existing_id=existing_id,
    )

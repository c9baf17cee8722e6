"""Patching buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.buckets import holding, names
from gateway.buckets.tables import BucketRow
from gateway.checks import check_description, check_name
from gateway.database.row_patches import RowPatch
from gateway.database.transaction import Transaction
from gateway.database.violations import on_violation
from gateway.enums import Status
from gateway.errors import BadState, InvalidInput, Locked, NotFound
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.patching import check_version, patched_metadata
from gateway.wording import shortened

# IN_PROGRESS is left out: a bucket is deleted by a mutation of its own.
STATUSES_TO_CHOOSE = (Status.ACTIVE, Status.ARCHIVED, Status.SUSPENDED)

_PATCH = RowPatch(
    BucketRow,
    BucketRow.bucket_name,
    BucketRow.description,
    BucketRow.metadata_,
    BucketRow.status,
    BucketRow.is_locked,
)


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
    row = await _PATCH.lock(tx, id)
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
    if name != row["bucket_name"] and (existing_id := await names.find_named(tx, name)):
        raise names.taken(name, existing_id)
    with on_violation(
        uq_buckets_namespace_id_bucket_name=names.taken(name, None),
        ck_buckets_status_move=BadState(
            f"the bucket is {row['status']} and cannot become {new['status']}", ("status",)
        ),
    ):
        await _PATCH.change(tx, id, new)


def _patched(row: Mapping[str, Any], changes: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """Return the columns of ``row`` as ``changes`` makes them."""
    gathering = Gathering()
    new = {**{column: row[column] for column in _PATCH.columns}, **changes}
    with gathering.below():
        check_name(new["bucket_name"], ("bucketName",), most=limits.name_characters)
    with gathering.below():
        check_description(new["description"])
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

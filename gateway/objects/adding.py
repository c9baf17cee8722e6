"""The statements that add an object with its blobs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    Insert,
    bindparam,
    column,
    func,
    insert,
    select,
    true,
)

from gateway.buckets import holding
from gateway.objects import new_blobs
from gateway.objects.drafts import OWN_OF_BLOB, blob_columns
from gateway.objects.new_blobs import NewBlob
from gateway.objects.new_objects import GivenObject, NewObject
from gateway.objects.tables import BlobRow, ObjectRow
from gateway.planner.along import expression

# The columns of an object, each given under its own name.
_OBJECT_COLUMNS = (
    ObjectRow.namespace_id,
    ObjectRow.id,
    ObjectRow.bucket_id,
    ObjectRow.key_prefix,
    ObjectRow.metadata_,
    ObjectRow.content_hash,
    ObjectRow.size_bytes,
    ObjectRow.skip_duplicates,
)
# What a reading in the statement that adds an object finds there.
ADDED = {(ObjectRow.__tablename__, "id"), (BlobRow.__tablename__, "object_id")}


def _add_object(held: CTE | None) -> Insert:
    """Return the statement that adds an object.

    Args:
        held: Whether the bucket is as it was seen; None: it is held already.
    """
    values = [bindparam(each.key.rstrip("_"), type_=each.type) for each in _OBJECT_COLUMNS]
    row = select(*values)
    if held is not None:
        row = row.select_from(held).where(held.c.is_as_seen)
    return insert(ObjectRow).from_select(list(_OBJECT_COLUMNS), row)


def _add_blobs(held: CTE | None) -> Insert:
    """Return the statement that adds the blobs of an object.

    They are given as one list of JSON: of an array for each column, asyncpg looks at every item,
    which takes an object with two blobs 13 us.
    """
    columns = [column(name, kind) for name, kind in OWN_OF_BLOB.items()]
    records = func.json_to_recordset(bindparam("blobs", type_=JSON))
    blob = records.table_valued(*columns, name="blob").render_derived(with_types=True)
    same: dict[str, ColumnElement[Any]] = {
        name: bindparam(name) for name in ("namespace_id", "bucket_id")
    }
    rows = select(*same.values(), bindparam("id"), *[blob.c[name] for name in OWN_OF_BLOB])
    rows = rows.select_from(blob)
    if held is not None:
        rows = rows.select_from(held).where(held.c.is_as_seen)
    return insert(BlobRow).from_select([*same, "object_id", *OWN_OF_BLOB], rows)


ADD = _add_object(None)
ADD_WITH_BLOBS = _add_blobs(None).add_cte(ADD.cte("added"))  # one round trip for both


@lru_cache(maxsize=512)
def add_alone(reading: str | None) -> Any:
    """Return the statement that holds the bucket, adds an object and reads it.

    It returns nothing where it adds nothing.

    Args:
        reading: The plan that reads the object; None: return true.
    """
    held = select(holding.is_as_seen().label("is_as_seen")).cte("held")
    # Each has the name of its table, which it stands for in the plan.
    added, added_blobs = (
        add.returning(*row.__table__.c).cte(row.__tablename__)
        for add, row in ((_add_object(held), ObjectRow), (_add_blobs(held), BlobRow))
    )
    found = select(true()).select_from(added) if reading is None else select(expression(reading))
    return found.add_cte(added, added_blobs)


def values_of(
    given: GivenObject,
    new: NewObject,
    blobs: Sequence[NewBlob],
    object_id: str,
    *,
    namespace_id: str,
) -> dict[str, Any]:
    """Return the values of the statements that add an object."""
    return {
        "namespace_id": namespace_id,
        "id": object_id,
        "bucket_id": given.bucket_id,
        "key_prefix": given.key_prefix,
        "metadata": new.metadata,
        "content_hash": new_blobs.content_hash(blob.content.hash for blob in blobs),
        "size_bytes": sum(blob.content.size_bytes or 0 for blob in blobs),
        "skip_duplicates": given.skip_duplicates,
        "blobs": [blob_columns(blob, position) for position, blob in enumerate(blobs)],
    }

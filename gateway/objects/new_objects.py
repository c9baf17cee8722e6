"""Objects as callers send them: read, and checked against their bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.buckets.bucket_schema import BucketSchema
from gateway.buckets.unique_keys import UniqueKey
from gateway.checks import check_object
from gateway.database.transaction import Transaction
from gateway.enums import InsertPolicy
from gateway.errors import InvalidInput, TooLarge, UserFailure
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects import new_blobs
from gateway.objects.key_prefixes import check_key_prefix
from gateway.objects.new_blobs import GivenBlob, NewBlob
from gateway.uploads import using
from gateway.uploads.using import HeldUploads


@dataclass(slots=True, kw_only=True)
class GivenObject:
    """An object as a caller sends it.

    Args:
        metadata: A JSON object, or None for none, is right.
        skip_duplicates: Leave out blobs whose content the bucket has already.
        policy: None: the default of the bucket's unique key.
    """

    bucket_id: str
    key_prefix: str | None = None
    blobs: Sequence[GivenBlob] = ()
    metadata: Any = None
    skip_duplicates: bool = False
    policy: InsertPolicy | None = None

    @property
    def weight(self) -> object:
        """What of this decides how long reading takes; see ``threads.off_loop``."""
        return [self.metadata, *((blob.data, blob.metadata) for blob in self.blobs)]


@dataclass(slots=True, kw_only=True)
class NewObject:
    """An object that can be kept.

    Args:
        given_metadata: What the caller sent.
        metadata: With the defaults of the schema where keys are absent.
        misfits: Why it cannot be a new object, though it may change one that is there; none unless
            its policy lets it.
        policy, key: None where the bucket has no unique key.
    """

    blobs: list[NewBlob]
    given_metadata: dict[str, Any]
    metadata: dict[str, Any]
    misfits: Sequence[UserFailure] = ()
    policy: InsertPolicy | None = None
    key: str | None = None


async def with_uploads(tx: Transaction, given: Sequence[GivenObject]) -> list[GivenObject]:
    """Return objects with the uploads that their blobs name, held until ``tx`` ends."""
    held = await using.hold(tx, (blob.upload_id for each in given for blob in each.blobs))
    return [_with_uploads(each, held) for each in given]


def _with_uploads(given: GivenObject, held: HeldUploads) -> GivenObject:
    if all(blob.upload_id is None for blob in given.blobs):
        return given
    blobs = [
        blob
        if blob.upload_id is None
        else replace(blob, upload=held.find(blob.upload_id, bucket_id=given.bucket_id))
        for blob in given.blobs
    ]
    return replace(given, blobs=blobs)


def read(
    given: GivenObject,
    schema: BucketSchema,
    unique_key: UniqueKey | None,
    limits: Limits,
    *,
    may_be_elsewhere: bool = False,
) -> NewObject:
    """Return the object, once it is checked against the bucket's schema and its unique key.

    Args:
        may_be_elsewhere: As of ``blob_data.read``.

    Raises:
        SchemaMismatch: Something does not fit the bucket's schema.
        PolicyRequired: The bucket has a unique key, and nobody says what it means.
        InvalidInput, TooLarge: A value that cannot be read or kept.
        Refused: Several of these.
    """
    gathering = Gathering()
    misfits = Gathering()
    policy = None
    with gathering.below():
        policy = _policy(given, unique_key)
    with gathering.below():
        check_key_prefix(given.key_prefix)
    blobs = []
    if len(given.blobs) > limits.blobs_per_object:
        most = limits.blobs_per_object
        message = f"blobs has {len(given.blobs)} items; the most is {most}"
        gathering.failures.append(TooLarge(message, ("blobs",)))
    else:
        for index, blob in enumerate(given.blobs):
            with gathering.below("blobs", str(index)):
                blobs.append(
                    new_blobs.read(blob, schema, limits, may_be_elsewhere=may_be_elsewhere)
                )
    own = metadata = {} if given.metadata is None else given.metadata
    key = None
    with gathering.below():
        check_object(own, ("metadata",), most_bytes=limits.metadata_bytes)
        with misfits.below():
            metadata = schema.check_metadata(
                own, present_blobs={blob.property for blob in given.blobs}
            )
            if metadata != own:  # the defaults count as well
                check_object(metadata, ("metadata",), most_bytes=limits.metadata_bytes)
        if misfits.failures and policy in (None, InsertPolicy.INSERT):
            misfits.end()
        if unique_key is not None:
            key = unique_key.read(metadata)
    gathering.end()
    return NewObject(
        blobs=blobs,
        given_metadata=own,
        metadata=metadata,
        misfits=misfits.failures,
        policy=policy,
        key=key,
    )


def _policy(given: GivenObject, unique_key: UniqueKey | None) -> InsertPolicy | None:
    if unique_key is not None:
        return unique_key.policy(given.policy)
    if given.policy is not None:
        raise InvalidInput(
            "the bucket has no unique key, by which a policy could find an object; leave it out",
            ("policy",),
        )
    return None

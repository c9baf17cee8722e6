"""What is done with objects ahead of the transaction that keeps them: their bytes are brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.buckets import holding
from gateway.buckets.holding import HeldBucket
from gateway.buckets.schema_fields import read_type
from gateway.database.transaction import Transaction
from gateway.errors import Refused, UserFailure
from gateway.fetching.rules import FetchRules
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects import blob_data, contents, mirroring, new_objects
from gateway.objects.bringing import Bringing, Brought, Wanted
from gateway.objects.keeping import unknown_bucket
from gateway.objects.new_blobs import GivenBlob
from gateway.objects.new_objects import GivenObject
from gateway.threads import off_loop


async def bring_object(bringing: Bringing, limits: Limits, given: GivenObject) -> GivenObject:
    """Return an object with the contents of its blobs, whose bytes are in the store.

    What can be refused without the bytes is refused before they come.

    Raises:
        NotFound, Locked, BadState, SchemaMismatch, PolicyRequired, TooLarge: As of
            ``creating.create_object``.
        InvalidInput, FetchFailed: A URL cannot be read; its bytes cannot be had.
        Refused: Several of these.
        Unavailable: The store cannot keep the bytes.
    """
    if not _may_have_bytes(given):
        return given
    (brought,) = await bring_objects(bringing, limits, [given])
    if isinstance(brought, UserFailure | Refused):
        raise brought
    return brought


async def bring_objects(
    bringing: Bringing,
    limits: Limits,
    given: Sequence[GivenObject],
    *,
    all_or_nothing: bool = False,
) -> list[GivenObject | UserFailure | Refused]:
    """Return of each object what ``bring_object`` returns, or why it is refused.

    One that has no bytes is returned as it is, and looked at by nobody yet.

    Args:
        all_or_nothing: Bring nothing where one is refused.

    Raises:
        Unavailable: The store cannot keep the bytes.
    """
    outcomes: list[GivenObject | UserFailure | Refused] = list(given)
    places = [index for index, each in enumerate(given) if _may_have_bytes(each)]
    if not places:
        return outcomes
    objects = [given[index] for index in places]
    weights = [each.weight for each in objects]
    objects = await off_loop(weights, lambda: [_with_contents(each, limits) for each in objects])
    hashes = [hash for each in objects for blob in each.blobs if (hash := _inline_hash(blob))]
    async with bringing.database.transaction(bringing.namespace_id, is_look=True) as tx:
        held = await _share(tx, {each.bucket_id for each in objects})
        known = await contents.find_known(tx, hashes)
        objects = await new_objects.with_uploads(tx, objects)
    wanted = await off_loop(
        weights, lambda: [_wanted(each, held, limits, bringing.rules) for each in objects]
    )
    brought = await bringing.bring(wanted, known, field="blobs", all_or_nothing=all_or_nothing)
    for index, each, its in zip(places, objects, brought, strict=True):
        outcomes[index] = its if isinstance(its, UserFailure | Refused) else _with(each, its)
    return outcomes


async def _share(tx: Transaction, bucket_ids: set[str]) -> Mapping[str, HeldBucket]:
    if len(bucket_ids) > 1:
        return await holding.share_all(tx, bucket_ids)
    (bucket_id,) = bucket_ids
    bucket = await holding.share(tx, bucket_id)
    return {} if bucket is None else {bucket_id: bucket}


def _may_have_bytes(given: GivenObject) -> bool:
    return any(blob_data.may_have_bytes(blob.data) for blob in given.blobs)


def _with_contents(given: GivenObject, limits: Limits) -> GivenObject:
    """Return an object with what its blobs were found to be; what cannot be read is left."""
    if len(given.blobs) > limits.blobs_per_object:
        return given
    return replace(given, blobs=[_with_content(blob, limits) for blob in given.blobs])


def _with_content(blob: GivenBlob, limits: Limits) -> GivenBlob:
    # Where this is not the type that the schema wants, the blob is refused for that.
    kind = read_type(blob.type)
    if kind is None or blob.data is None:
        return blob
    try:
        content = blob_data.read(
            blob.data, kind, limit_bytes=limits.inline_bytes, may_be_elsewhere=True
        )
    except (UserFailure, Refused):
        return blob
    return replace(blob, content=content)


def _inline_hash(blob: GivenBlob) -> str | None:
    return blob.content.hash if blob.content and blob.content.data is not None else None


def _wanted(
    given: GivenObject, held: Mapping[str, HeldBucket], limits: Limits, rules: FetchRules
) -> list[Wanted] | UserFailure | Refused:
    """Return what an object wants in the store, or why it is refused whatever its bytes are."""
    gathering = Gathering()
    try:
        bucket = held.get(given.bucket_id)
        if bucket is None:
            raise unknown_bucket(given.bucket_id)
        bucket.require_open(("bucketId",))
        new = new_objects.read(
            given, bucket.schema, bucket.unique_key, limits, may_be_elsewhere=True
        )
        wanted = [
            Wanted(made.content, made.type, blob.canonicalize_source, blob.force_remirror)
            for blob, made in zip(given.blobs, new.blobs, strict=True)
        ]
        for index, each in enumerate(wanted):
            if each.content and (source := each.content.source):
                with gathering.below("blobs", str(index), *source.path):
                    mirroring.check(source, rules if each.fetched_source else mirroring.ANYWHERE)
        gathering.end()
    except (UserFailure, Refused) as failure:
        return failure
    return wanted


def _with(given: GivenObject, contents: Brought) -> GivenObject:
    pairs = zip(given.blobs, contents, strict=True)
    return replace(given, blobs=[replace(blob, content=content) for blob, content in pairs])

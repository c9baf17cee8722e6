"""Keeping several objects at once, as if they came one after another.

Unique keys are decided by their index. Who gives an object a key inserts its row first, before
anything else is locked, and the keys in order; only then come the rows that others had, in order,
and then contents. So of those who write the same keys at the same time, none waits in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.blobs.store import BlobStore
from gateway.buckets import holding
from gateway.buckets.bucket_schema import BucketSchema
from gateway.buckets.holding import HeldBucket
from gateway.buckets.unique_keys import UniqueKey
from gateway.database.ids import new_id
from gateway.database.transaction import Transaction
from gateway.enums import InsertPolicy
from gateway.errors import NotFound, Overtaken, Refused, UserFailure
from gateway.gathering import refuse
from gateway.limits import Limits
from gateway.objects import new_blobs, new_objects, object_rows
from gateway.objects.drafts import Draft, Holders
from gateway.objects.new_objects import GivenObject, NewObject
from gateway.objects.patching import taken
from gateway.threads import off_loop
from gateway.wording import shortened


class Kept(NamedTuple):
    """The id of an object, and for each blob that was skipped, of the one that has its content."""

    object_id: str
    skipped_blob_ids: list[str]


Outcome = Kept | UserFailure | Refused


class Outcomes(NamedTuple):
    """What became of each object, and the hashes of bytes that may have no blob any more."""

    each: list[Outcome]
    hashes: list[str]


class _Bucket(NamedTuple):
    schema: BucketSchema
    unique_key: UniqueKey | None


_Key = tuple[str, str]


@dataclass(slots=True)
class _Item:
    """One of the objects that can be kept, as far as nothing that is stored speaks against it."""

    index: int
    given: GivenObject
    new: NewObject
    bucket: _Bucket
    # Its row, where this is the object that makes it.
    made: Draft | None = None

    @property
    def key(self) -> _Key | None:
        return None if self.new.key is None else (self.given.bucket_id, self.new.key)

    @property
    def may_be_new(self) -> bool:
        return self.new.policy is not InsertPolicy.UPDATE and not self.new.misfits

    def draft(self) -> Draft:
        """Return it as a new object, with all its blobs."""
        draft = Draft(
            id=new_id("obj"),
            bucket_id=self.given.bucket_id,
            unique_key=self.new.key,
            key_prefix=self.given.key_prefix,
            metadata=self.new.metadata,
            skip_duplicates=self.given.skip_duplicates,
        )
        draft.put(self.new.blobs, Holders(), skips=False)
        draft.stored = draft.columns
        return draft


async def keep_objects(
    tx: Transaction,
    store: BlobStore,
    limits: Limits,
    given: Sequence[GivenObject],
    *,
    all_or_nothing: bool = False,
) -> Outcomes:
    """Keep objects with their blobs and bytes; what becomes of one is as in ``create_object``.

    Args:
        all_or_nothing: Where one fails, leave off before bytes are kept; roll ``tx`` back then.

    Raises:
        Overtaken: Another object was deleted just now; try again in another transaction.
        Unavailable: The store cannot keep the bytes.
    """
    held = await holding.share_all(tx, {each.bucket_id for each in given})
    given = await new_objects.with_uploads(tx, given)
    outcomes, items = await off_loop([each.weight for each in given], _read, given, held, limits)
    hashes = await _keep(tx, store, limits, items, outcomes, all_or_nothing=all_or_nothing)
    return Outcomes([outcomes[index] for index in range(len(given))], hashes)


async def keep_one(
    tx: Transaction,
    store: BlobStore,
    limits: Limits,
    given: GivenObject,
    bucket: HeldBucket,
) -> tuple[Kept, list[str]]:
    """Keep an object; return also the hashes of bytes that may have no blob any more.

    Args:
        bucket: Its bucket, which is open.

    Raises:
        UserFailure, Refused, Unavailable: As ``create_object``.
    """
    outcomes, items = await off_loop(
        given.weight, _read, [given], {given.bucket_id: bucket}, limits
    )
    hashes = await _keep(tx, store, limits, items, outcomes, all_or_nothing=True)
    outcome = outcomes[0]
    if isinstance(outcome, UserFailure | Refused):
        raise outcome
    return outcome, hashes


def _read(
    given: Sequence[GivenObject], held: Mapping[str, HeldBucket], limits: Limits
) -> tuple[dict[int, Outcome], list[_Item]]:
    """Return the failures of objects that cannot be kept, by their places, and the others."""
    failures: dict[int, Outcome] = {}
    items = []
    buckets = {id: _Bucket(each.schema, each.unique_key) for id, each in held.items()}
    for index, each in enumerate(given):
        try:
            if each.bucket_id not in held:
                raise unknown_bucket(each.bucket_id)
            held[each.bucket_id].require_open(("bucketId",))
            bucket = buckets[each.bucket_id]
            new = new_objects.read(each, bucket.schema, bucket.unique_key, limits)
        except (UserFailure, Refused) as failure:
            failures[index] = failure
        else:
            items.append(_Item(index, each, new, bucket))
    return failures, items


def unknown_bucket(bucket_id: str) -> NotFound:
    """Return the answer to an id that no bucket of the namespace has."""
    return NotFound(f"no bucket has the id {shortened(bucket_id)!r}", ("bucketId",))


async def _keep(
    tx: Transaction,
    store: BlobStore,
    limits: Limits,
    items: Sequence[_Item],
    outcomes: dict[int, Outcome],
    *,
    all_or_nothing: bool,
) -> list[str]:
    """Keep what can be kept, and put what became of each into ``outcomes``."""
    if not items:
        return []
    standing = await _claim(tx, items)
    holders = await _find_holders(tx, items, standing)
    touched: dict[str, Draft] = {}
    for item in items:
        try:
            draft, skipped = _apply(item, standing, holders, limits)
            touched[draft.id] = draft
            outcomes[item.index] = Kept(draft.id, skipped)
        except (UserFailure, Refused) as failure:
            outcomes[item.index] = failure
    if all_or_nothing and any(not isinstance(each, Kept) for each in outcomes.values()):
        return []
    return await _write(tx, store, items, list(touched.values()))


async def _claim(tx: Transaction, items: Sequence[_Item]) -> dict[_Key, Draft]:
    """Make the rows of new objects; lock and return those of keys that others had."""
    new = [item for item in items if item.key is None]
    by_key: dict[_Key, list[_Item]] = {}
    for item in items:
        if item.key is not None:
            by_key.setdefault(item.key, []).append(item)
    first_new = {
        key: new_ones[0]
        for key, same in by_key.items()
        if (new_ones := [item for item in same if item.may_be_new])
    }
    standing: dict[_Key, Draft] = {}
    missing = set(by_key)
    while new or missing:
        new += [first_new[key] for key in missing & first_new.keys()]
        await _insert(tx, new)
        missing -= {item.key for item in new if item.key and item.made}
        new = []
        if missing:
            found = await object_rows.lock_keyed(tx, missing)
            standing |= {(draft.bucket_id, draft.unique_key or ""): draft for draft in found}
            # Again where another had a key and was gone before its row could be locked.
            missing = (missing - standing.keys()) & first_new.keys()
            if missing and (standing or any(item.made for item in items)):
                # Rows are made before any is locked, else two bulks could wait in a circle.
                raise Overtaken("an object was deleted just now")
    return standing


async def _insert(tx: Transaction, items: Sequence[_Item]) -> None:
    """Make the rows of new objects, but of none whose key is there."""
    drafts = [item.draft() for item in items]
    made = await object_rows.add(tx, drafts)
    for item, draft in zip(items, drafts, strict=True):
        if draft.id in made:
            item.made = draft


async def _find_holders(
    tx: Transaction, items: Sequence[_Item], standing: Mapping[_Key, Draft]
) -> Holders:
    """Return who has the contents that items would rather not keep a second time."""
    holders = Holders()
    for draft in standing.values():
        for blob in draft.blobs:
            holders.add(draft.bucket_id, blob["hash"], blob["id"])
    wanted = {
        (item.given.bucket_id, blob.content.hash)
        for item in items
        if item.given.skip_duplicates
        for blob in item.new.blobs
        if blob.content.hash is not None
    }
    if wanted:
        await new_blobs.lock_hashes(tx, {hash for _, hash in wanted})
        for each in await object_rows.find_holders(tx, wanted, besides=standing.values()):
            holders.add(*each)
    return holders


def _apply(
    item: _Item, present: dict[_Key, Draft], holders: Holders, limits: Limits
) -> tuple[Draft, list[str]]:
    """Let an item have its effect on its object; return that, and the holders of skipped blobs.

    Args:
        present: The objects with keys as those before it have left them.

    Raises:
        AlreadyExists, NotFound: By its policy it can have none.
        SchemaMismatch, TooLarge, Refused: The result cannot be kept.
    """
    new, given, unique_key = item.new, item.given, item.bucket.unique_key
    if item.made is not None:
        if item.key is not None:
            present[item.key] = item.made
        return item.made, item.made.put(new.blobs, holders, skips=given.skip_duplicates)
    if item.key is None or unique_key is None:
        raise AssertionError("the row of an object without a key is always made")
    draft = present.get(item.key)
    if draft is None:
        if new.policy is InsertPolicy.UPDATE:
            raise NotFound(
                f"the bucket has no object with {unique_key.shown(new.metadata)};"
                " the policy UPSERT would make it",
                unique_key.place,
            )
        refuse(new.misfits)
    if new.policy is InsertPolicy.INSERT:
        raise taken(unique_key, new.metadata, draft.id)
    skipped = draft.change(
        key_prefix=given.key_prefix,
        metadata=new.given_metadata,
        blobs=new.blobs,
        skip_duplicates=given.skip_duplicates,
        schema=item.bucket.schema,
        limits=limits,
        holders=holders,
    )
    return draft, skipped


async def _write(
    tx: Transaction, store: BlobStore, items: Sequence[_Item], drafts: Sequence[Draft]
) -> list[str]:
    """Write what has changed of drafts; return the hashes that blobs had and have no more."""
    wanted = {blob["hash"] for draft in drafts for blob in draft.written_blobs()}
    given = [blob for item in items for blob in item.new.blobs]
    await new_blobs.keep(tx, store, given, wanted=wanted)
    await object_rows.write(tx, drafts)

    after = {blob["hash"] for draft in drafts for blob in draft.blobs}
    before = [blob for draft in drafts for blob in draft.stored_blobs.values()]
    return [each["hash"] for each in before if each["has_bytes"] and each["hash"] not in after]

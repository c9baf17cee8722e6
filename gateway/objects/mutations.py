"""Root fields that change objects."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from gateway.bulk import MOST_INPUTS, keep_each
from gateway.database.transaction import Transaction
from gateway.enums import OnError, Permission
from gateway.errors import Refused, UserFailure
from gateway.idempotency.answers import Replayed
from gateway.idempotency.items import each_once
from gateway.mutation import bulk_mutation, mutation
from gateway.objects import ahead, creating, deleting, keeping, patching
from gateway.objects.bringing import Bringing
from gateway.objects.inputs import CreateBlobInput, CreateObjectInput, PatchObjectInput
from gateway.objects.keeping import Outcome
from gateway.objects.new_blobs import GivenBlob
from gateway.objects.new_objects import GivenObject
from gateway.objects.types import BulkObjectPayload, ObjectPayload
from gateway.payloads import DeletePayload
from gateway.planner.along import find_reading_of
from gateway.planner.rows import listed, row, row_read
from gateway.user_errors import to_user_errors


@strawberry.type
class ObjectMutations:
    @mutation(
        permission=Permission.WRITE,
        description="Put an object into a bucket: typed blobs and metadata that fit its schema."
        " Where the bucket has a unique key, the policy says what becomes of one that is there.",
    )
    async def create_object(
        self,
        info: Info,
        input: Annotated[CreateObjectInput, strawberry.argument(description="The new object.")],
    ) -> ObjectPayload:
        context = info.context
        async with Bringing.of(context) as bringing:
            given = await ahead.bring_object(bringing, context.limits, _given(input))
            created = None
            if context.attempt is None:
                created = await creating.create_alone(
                    context.database,
                    context.limits,
                    given,
                    namespace_id=context.caller.namespace_id,
                    find_reading=find_reading_of(info),
                )
            if created is None:
                async with context.transaction() as tx:
                    created = await creating.create_object(tx, context.blobs, context.limits, given)
        if created.hashes:
            context.wake_housekeeper(created.hashes)
        return ObjectPayload(
            object=row_read(created.json, id=created.object_id),
            skipped_blobs=listed(created.skipped_blob_ids),
        )

    @bulk_mutation(
        permission=Permission.WRITE,
        most_inputs=MOST_INPUTS,
        description="Put up to 1000 objects into buckets, as `createObject` would one after"
        " another, in one transaction.",
    )
    async def create_objects(
        self,
        info: Info,
        inputs: Annotated[
            list[CreateObjectInput], strawberry.argument(description="The new objects.")
        ],
        on_error: Annotated[
            OnError, strawberry.argument(description="What becomes of the others when some fail.")
        ] = OnError.CONTINUE,
    ) -> BulkObjectPayload:
        context = info.context
        all_or_nothing = on_error is OnError.ABORT_ALL
        hashes: list[str] = []
        brought: dict[int, Any] = {}  # of each input, by its id in Python

        async def bring(fit: list[CreateObjectInput]) -> list[GivenObject | UserFailure | Refused]:
            found = await ahead.bring_objects(
                bringing,
                context.limits,
                [_given(each) for each in fit],
                all_or_nothing=all_or_nothing,
            )
            brought.update(zip(map(id, fit), found, strict=True))
            return found

        async def keep(tx: Transaction, fit: list[CreateObjectInput]) -> list[Outcome]:
            kept = await keeping.keep_objects(
                tx,
                context.blobs,
                context.limits,
                [brought[id(each)] for each in fit],
                all_or_nothing=all_or_nothing,
            )
            hashes[:] = kept.hashes
            return kept.each

        once = each_once(keep, mutation="createObject", payload=_payload)
        async with Bringing.of(context) as bringing:
            outcomes = await keep_each(context, inputs, on_error, once, ahead=bring)
            # With a key the transaction is open still: what was refused is left as after a crash.
            bringing.has_refused = context.attempt is None and any(
                isinstance(each, UserFailure | Refused | Replayed) for each in outcomes
            )
        if hashes:
            context.wake_housekeeper(hashes)
        results = [_payload(outcome) for outcome in outcomes]
        failed = sum(bool(each.errors) for each in results)
        return BulkObjectPayload(results=results, succeeded=len(results) - failed, failed=failed)

    @mutation(
        permission=Permission.WRITE,
        description="Change what is sent of an object; its blobs stay as they are.",
    )
    async def patch_object(
        self,
        info: Info,
        input: Annotated[
            PatchObjectInput, strawberry.argument(description="The object, and what changes of it.")
        ],
    ) -> ObjectPayload:
        context = info.context
        sent = {
            "key_prefix": input.key_prefix,
            "skip_duplicates": input.skip_duplicates,
            "metadata": input.metadata,
        }
        async with context.transaction() as tx:
            await patching.patch_object(
                tx,
                context.limits,
                id=input.id,
                changes={name: value for name, value in sent.items() if value is not UNSET},
                expected_version=input.expected_version,
            )
        return ObjectPayload(object=row(id=input.id))

    @mutation(
        permission=Permission.DELETE,
        description="Delete an object, its blobs and all documents derived from it. Bytes that no"
        " other blob names are removed soon after.",
    )
    async def delete_object(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The object's id.")],
    ) -> DeletePayload:
        context = info.context
        async with context.transaction() as tx:
            removed = await deleting.delete_object(tx, id=id)
        context.wake_housekeeper(removed.hashes)
        return DeletePayload(
            deleted_id=id, deleted_objects=removed.objects, deleted_documents=removed.documents
        )


def _payload(outcome: Outcome | Replayed) -> ObjectPayload:
    if isinstance(outcome, Replayed):
        replayed: ObjectPayload = outcome.payload(ObjectPayload)
        return replayed
    if isinstance(outcome, UserFailure | Refused):
        return ObjectPayload(errors=to_user_errors(outcome))
    return ObjectPayload(
        object=row(id=outcome.object_id), skipped_blobs=listed(outcome.skipped_blob_ids)
    )


def _given(input: CreateObjectInput) -> GivenObject:
    return GivenObject(
        bucket_id=input.bucket_id,
        key_prefix=input.key_prefix,
        blobs=[_given_blob(blob, input) for blob in input.blobs],
        metadata=input.metadata,
        skip_duplicates=input.skip_duplicates,
        policy=input.policy,
    )


def _given_blob(blob: CreateBlobInput, its: CreateObjectInput) -> GivenBlob:
    canonicalize_source, force_remirror = blob.canonicalize_source, blob.force_remirror
    return GivenBlob(
        property=blob.property,
        type=blob.type,
        data=None if blob.data is UNSET else blob.data,
        upload_id=blob.upload_id,
        key_prefix=blob.key_prefix,
        metadata=blob.metadata,
        canonicalize_source=(
            its.canonicalize_source if canonicalize_source is None else canonicalize_source
        ),
        force_remirror=its.force_remirror if force_remirror is None else force_remirror,
    )

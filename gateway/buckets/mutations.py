"""Root fields that change buckets."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from gateway.buckets import creating, deleting, patching
from gateway.buckets.inputs import CreateBucketInput, PatchBucketInput
from gateway.buckets.types import BucketPayload
from gateway.enums import Permission
from gateway.mutation import mutation
from gateway.payloads import DeletePayload
from gateway.planner.rows import row


@strawberry.type
class BucketMutations:
    @mutation(permission=Permission.WRITE, description="Make an empty bucket.")
    async def create_bucket(
        self,
        info: Info,
        input: Annotated[CreateBucketInput, strawberry.argument(description="The new bucket.")],
    ) -> BucketPayload:
        context = info.context
        key = input.unique_key
        async with context.transaction() as tx:
            bucket_id = await creating.create_bucket(
                tx,
                context.limits,
                bucket_name=input.bucket_name,
                bucket_schema=input.bucket_schema,
                description=input.description,
                metadata=input.metadata,
                unique_key_fields=None if key is None else key.fields,
                unique_key_policy=None if key is None else key.default_policy,
            )
        return BucketPayload(bucket=row(id=bucket_id))

    @mutation(
        permission=Permission.WRITE,
        description="Change what is sent of a bucket. A locked one takes only a patch that unlocks"
        " it.",
    )
    async def patch_bucket(
        self,
        info: Info,
        input: Annotated[
            PatchBucketInput, strawberry.argument(description="The bucket, and what changes of it.")
        ],
    ) -> BucketPayload:
        context = info.context
        sent = {
            "bucket_name": input.bucket_name,
            "description": input.description,
            "metadata": input.metadata,
            "is_locked": input.is_locked,
            "status": input.status,
        }
        async with context.transaction() as tx:
            await patching.patch_bucket(
                tx,
                context.limits,
                id=input.id,
                changes={name: value for name, value in sent.items() if value is not UNSET},
                expected_version=input.expected_version,
            )
        return BucketPayload(bucket=row(id=input.id))

    @mutation(
        permission=Permission.DELETE,
        description="Delete a bucket with all its objects and their documents. It is closed and out"
        " of all lists at once; its rows and bytes go in the background. A locked one is refused.",
    )
    async def delete_bucket(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The bucket's id.")],
    ) -> DeletePayload:
        context = info.context
        async with context.transaction() as tx:
            gone = await deleting.delete_bucket(tx, id=id)
        context.wake_housekeeper()
        return DeletePayload(
            deleted_id=id, deleted_objects=gone.objects, deleted_documents=gone.documents
        )

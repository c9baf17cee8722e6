"""Root fields that change uploads."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from gateway.enums import Permission
from gateway.mutation import mutation
from gateway.planner.rows import row
from gateway.uploads import confirming, creating, ending
from gateway.uploads.creating import GivenUpload
from gateway.uploads.inputs import ConfirmUploadInput, CreateUploadInput
from gateway.uploads.joining import GivenPart
from gateway.uploads.types import UploadPayload

UploadId = Annotated[strawberry.ID, strawberry.argument(description="The upload's id.")]


@strawberry.type
class UploadMutations:
    @mutation(
        permission=Permission.WRITE,
        description="Announce a file: PUT its bytes to the target, then confirm it, then name it as"
        " `uploadId` in blobs. Where the namespace has the file, it is COMPLETED at once.",
    )
    async def create_upload(
        self,
        info: Info,
        input: Annotated[
            CreateUploadInput, strawberry.argument(description="The file that is to come.")
        ],
    ) -> UploadPayload:
        context = info.context
        given = GivenUpload(
            bucket_id=input.bucket_id,
            filename=input.filename,
            content_type=input.content_type,
            size_bytes=input.file_size_bytes,
            hash=input.file_hash,
            expires_in_s=input.expires_in,
            is_multipart=input.multipart,
        )
        id = await creating.create_upload(
            context.database,
            context.blobs,
            context.limits,
            given,
            namespace_id=context.caller.namespace_id,
            transaction=context.transaction,
        )
        return UploadPayload(upload=row(id=id))

    @mutation(
        permission=Permission.WRITE,
        description="Have looked whether the bytes came and are those that were announced. It can"
        " then be used for a day. Confirming again is harmless.",
    )
    async def confirm_upload(
        self,
        info: Info,
        input: Annotated[
            ConfirmUploadInput, strawberry.argument(description="The upload whose bytes were sent.")
        ],
    ) -> UploadPayload:
        context = info.context
        namespace_id = context.caller.namespace_id
        parts = None
        if input.parts is not None:
            parts = [GivenPart(each.number, each.etag) for each in input.parts]
        try:
            await confirming.confirm_upload(
                context.database,
                context.blobs,
                namespace_id=namespace_id,
                id=input.upload_id,
                parts=parts,
            )
        finally:
            context.housekeeper.wake(namespace_id)
        return UploadPayload(upload=row(id=input.upload_id))

    @mutation(
        permission=Permission.WRITE,
        description="Let a PENDING upload last as long again, from now on, with new links.",
    )
    async def refresh_upload(self, info: Info, id: UploadId) -> UploadPayload:
        async with info.context.transaction() as tx:
            await ending.refresh_upload(tx, id=id)
        return UploadPayload(upload=row(id=id))

    @mutation(
        permission=Permission.WRITE,
        description="Give a PENDING upload up; what came of it is removed. Aborting again is"
        " harmless.",
    )
    async def abort_upload(self, info: Info, id: UploadId) -> UploadPayload:
        context = info.context
        namespace_id = context.caller.namespace_id
        await ending.abort_upload(context.database, context.blobs, namespace_id=namespace_id, id=id)
        context.housekeeper.wake(namespace_id)
        return UploadPayload(upload=row(id=id))

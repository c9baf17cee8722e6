"""Root fields that change documents."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from gateway.bulk import MOST_INPUTS, keep_each
from gateway.database.transaction import Transaction
from gateway.documents import ahead, creating, deleting, patching
from gateway.documents.artifacts import GivenArtifact
from gateway.documents.creating import Outcome
from gateway.documents.deriving import Lineage, Step
from gateway.documents.given_documents import GivenDocument
from gateway.documents.inputs import (
    CreateDocumentBlobInput,
    CreateDocumentInput,
    LineageStepInput,
    PatchDocumentInput,
)
from gateway.documents.source_blobs import SourceBlob
from gateway.documents.types import BulkDocumentPayload, DocumentPayload
from gateway.enums import OnError, Permission
from gateway.errors import Refused, UserFailure
from gateway.idempotency.answers import Replayed
from gateway.idempotency.items import each_once
from gateway.mutation import bulk_mutation, mutation
from gateway.objects.bringing import Bringing
from gateway.payloads import DeletePayload
from gateway.planner.rows import row
from gateway.scalars import write_moment
from gateway.user_errors import to_user_errors


@strawberry.type
class DocumentMutations:
    @mutation(
        permission=Permission.WRITE,
        description="Put a document into a collection. Its lineage is derived from its source.",
    )
    async def create_document(
        self,
        info: Info,
        input: Annotated[CreateDocumentInput, strawberry.argument(description="The new document.")],
    ) -> DocumentPayload:
        context = info.context
        async with Bringing.of(context) as bringing:
            given = await ahead.bring_document(bringing, context.limits, _given(input))
            async with context.transaction() as tx:
                document_id = await creating.create_document(
                    tx, context.blobs, context.limits, given
                )
        return DocumentPayload(document=row(id=document_id))

    @bulk_mutation(
        permission=Permission.WRITE,
        most_inputs=MOST_INPUTS,
        description="Put up to 1000 documents into collections, as `createDocument` would one after"
        " another, in one transaction.",
    )
    async def create_documents(
        self,
        info: Info,
        inputs: Annotated[
            list[CreateDocumentInput], strawberry.argument(description="The new documents.")
        ],
        on_error: Annotated[
            OnError, strawberry.argument(description="What becomes of the others when some fail.")
        ] = OnError.CONTINUE,
    ) -> BulkDocumentPayload:
        context = info.context
        all_or_nothing = on_error is OnError.ABORT_ALL
        brought: dict[int, Any] = {}  # of each input, by its id in Python

        async def bring(
            fit: list[CreateDocumentInput],
        ) -> list[GivenDocument | UserFailure | Refused]:
            found = await ahead.bring_documents(
                bringing,
                context.limits,
                [_given(each) for each in fit],
                all_or_nothing=all_or_nothing,
            )
            brought.update(zip(map(id, fit), found, strict=True))
            return found

        async def keep(tx: Transaction, fit: list[CreateDocumentInput]) -> list[Outcome]:
            return await creating.create_documents(
                tx,
                context.blobs,
                context.limits,
                [brought[id(each)] for each in fit],
                all_or_nothing=all_or_nothing,
            )

        once = each_once(keep, mutation="createDocument", payload=_payload)
        async with Bringing.of(context) as bringing:
            outcomes = await keep_each(context, inputs, on_error, once, ahead=bring)
            # With a key the transaction is open still: what was refused is left as after a crash.
            bringing.has_refused = context.attempt is None and any(
                isinstance(each, UserFailure | Refused | Replayed) for each in outcomes
            )
        results = [_payload(outcome) for outcome in outcomes]
        failed = sum(bool(each.errors) for each in results)
        return BulkDocumentPayload(results=results, succeeded=len(results) - failed, failed=failed)

    @mutation(
        permission=Permission.WRITE,
        description="Change the metadata of a document; its lineage never changes.",
    )
    async def patch_document(
        self,
        info: Info,
        input: Annotated[
            PatchDocumentInput,
            strawberry.argument(description="The document, and what changes of it."),
        ],
    ) -> DocumentPayload:
        context = info.context
        async with context.transaction() as tx:
            await patching.patch_metadata(
                tx,
                context.limits,
                id=input.id,
                patch={} if input.metadata is UNSET else input.metadata,
                expected_version=input.expected_version,
            )
        return DocumentPayload(document=row(id=input.id))

    @mutation(
        permission=Permission.DELETE,
        description="Delete a document with all documents derived from it. Bytes that no other blob"
        " names are removed soon after.",
    )
    async def delete_document(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The document's id.")],
    ) -> DeletePayload:
        context = info.context
        async with context.transaction() as tx:
            removed = await deleting.delete_document(tx, id=id)
        context.wake_housekeeper(removed.hashes)
        return DeletePayload(deleted_id=id, deleted_documents=removed.documents)


def _payload(outcome: Outcome | Replayed) -> DocumentPayload:
    if isinstance(outcome, Replayed):
        replayed: DocumentPayload = outcome.payload(DocumentPayload)
        return replayed
    if isinstance(outcome, UserFailure | Refused):
        return DocumentPayload(errors=to_user_errors(outcome))
    return DocumentPayload(document=row(id=outcome))


def _given(input: CreateDocumentInput) -> GivenDocument:
    chain = input.lineage_chain
    return GivenDocument(
        collection_id=input.collection_id,
        stated=Lineage(
            root_object_id=input.root_object_id,
            root_bucket_id=input.root_bucket_id,
            source_type=input.source_type,
            source_collection_id=input.source_collection_id,
            source_document_id=input.source_document_id,
            source_object_id=input.source_object_id,
            lineage_path=input.lineage_path,
            lineage_chain=None if chain is None else tuple(_step(each) for each in chain),
        ),
        metadata={} if input.metadata is None else input.metadata,
        features=[(each.feature_extractor_id, each.payload) for each in input.features or []],
        source_blobs=None
        if input.source_blobs is None
        else [
            SourceBlob(each.blob_id, each.blob_property, each.blob_type)
            for each in input.source_blobs
        ],
        artifacts=[_artifact(each) for each in input.document_blobs or []],
        vector=input.vector,
    )


def _step(step: LineageStepInput) -> Step:
    return Step(
        step.collection_id,
        step.feature_extractor_id,
        step.document_id,
        None if step.timestamp is None else write_moment(step.timestamp),
    )


def _artifact(blob: CreateDocumentBlobInput) -> GivenArtifact:
    return GivenArtifact(
        field=blob.field,
        role=blob.role,
        type=blob.type,
        data=None if blob.data is UNSET else blob.data,
        upload_id=blob.upload_id,
        filename=blob.filename,
        content_type=blob.content_type,
        source_blob_id=blob.source_blob_id,
    )

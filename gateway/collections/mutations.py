"""Root fields that change collections."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from gateway.collections import creating, patching
from gateway.collections.extractors import Extractor
from gateway.collections.feeding import Feeding
from gateway.collections.inputs import (
    CollectionSourceInput,
    CreateCollectionInput,
    FeatureExtractorInput,
    PatchCollectionInput,
)
from gateway.collections.types import CollectionPayload
from gateway.enums import Permission, SourceType
from gateway.mutation import mutation
from gateway.planner.rows import row


def _read_source(given: CollectionSourceInput) -> Feeding:
    ids = {
        SourceType.BUCKET: given.bucket_ids or [],
        SourceType.COLLECTION: given.collection_ids or [],
    }
    return Feeding(given.type, ids)


def _read_extractor(given: FeatureExtractorInput) -> Extractor:
    return Extractor(
        name=given.name,
        version=given.version,
        input_mappings={} if given.input_mappings is None else given.input_mappings,
        field_passthrough=[
            (each.source_path, each.target_path) for each in given.field_passthrough or []
        ],
        parameters={} if given.parameters is None else given.parameters,
    )


@strawberry.type
class CollectionMutations:
    @mutation(
        permission=Permission.WRITE,
        description="Make a collection, fed by buckets or by other collections.",
    )
    async def create_collection(
        self,
        info: Info,
        input: Annotated[
            CreateCollectionInput, strawberry.argument(description="The new collection.")
        ],
    ) -> CollectionPayload:
        async with info.context.transaction() as tx:
            collection_id = await creating.create_collection(
                tx,
                info.context.limits,
                name=input.collection_name,
                feeding=_read_source(input.source),
                extractor=_read_extractor(input.feature_extractor),
                enabled=input.enabled,
                metadata={} if input.metadata is None else input.metadata,
            )
        return CollectionPayload(collection=row(id=collection_id))

    @mutation(
        permission=Permission.WRITE,
        description="Rename a collection, switch it on or off, or change its metadata."
        " What feeds it and its extractor stay.",
    )
    async def patch_collection(
        self,
        info: Info,
        input: Annotated[
            PatchCollectionInput,
            strawberry.argument(description="The collection, and what changes of it."),
        ],
    ) -> CollectionPayload:
        sent = {
            "collection_name": input.collection_name,
            "enabled": input.enabled,
            "metadata": input.metadata,
        }
        async with info.context.transaction() as tx:
            await patching.patch_collection(
                tx,
                info.context.limits,
                id=input.id,
                changes={
                    name: value for name, value in sent.items() if value is not strawberry.UNSET
                },
                expected_version=input.expected_version,
            )
        return CollectionPayload(collection=row(id=input.id))

"""Creating collections."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from gateway.checks import check_name, check_object
from gateway.collections import feeding as feeding_rules
from gateway.collections import names
from gateway.collections.extractors import Extractor, check_extractor
from gateway.collections.feeding import Feeding
from gateway.collections.tables import CollectionRow
from gateway.database.ids import new_id
from gateway.database.transaction import Transaction
from gateway.gathering import Gathering
from gateway.limits import Limits

_ADD = (
    insert(CollectionRow)
    .values(
        namespace_id=bindparam("namespace_id"),
        id=bindparam("id"),
        collection_name=bindparam("collection_name"),
        enabled=bindparam("enabled"),
        source_type=bindparam("source_type"),
        extractor_name=bindparam("extractor_name"),
        extractor_version=bindparam("extractor_version"),
        input_mappings=bindparam("input_mappings"),
        field_passthrough=bindparam("field_passthrough"),
        parameters=bindparam("parameters"),
        metadata_=bindparam("metadata"),
    )
    # A violation would end the transaction, in which the one that has the name is looked up.
    .on_conflict_do_nothing(constraint="uq_collections_namespace_id_collection_name")
    .returning(CollectionRow.id)
)


async def create_collection(
    tx: Transaction,
    limits: Limits,
    *,
    name: str,
    feeding: Feeding,
    extractor: Extractor,
    enabled: bool,
    metadata: Any,
) -> str:
    """Make a collection; return its id.

    Raises:
        InvalidInput, TooLarge: A name, a setting or the metadata cannot be as it is.
        NotFound: What is to feed it is not here.
        AlreadyExists: The name is taken.
        Refused: Several of these.
    """
    gathering = Gathering()
    with gathering.below():
        check_name(name, names.PATH, most=limits.name_characters)
    with gathering.below("source"):
        await feeding_rules.check(tx, feeding)
    with gathering.below("featureExtractor"):
        check_extractor(extractor, limits)
    with gathering.below():
        check_object(metadata, ("metadata",), most_bytes=limits.metadata_bytes)
    gathering.end()

    collection_id = new_id("col")
    added = await tx.value(
        _ADD,
        namespace_id=tx.namespace_id,
        id=collection_id,
        collection_name=name,
        enabled=enabled,
        source_type=feeding.type.value,
        extractor_name=extractor.name,
        extractor_version=extractor.version,
        input_mappings=extractor.input_mappings,
        field_passthrough=extractor.passthrough_records,
        parameters=extractor.parameters,
        metadata=metadata,
    )
    if added is None:
        raise names.taken(name, await names.find_named(tx, name))
    await feeding_rules.add(tx, feeding, collection_id=collection_id)
    return collection_id

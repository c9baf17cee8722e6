"""Names of collections: each is one collection's of its namespace."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from gateway.collections.tables import CollectionRow
from gateway.database.transaction import Transaction
from gateway.errors import AlreadyExists

PATH = ("collectionName",)

_FIND_NAMED = select(CollectionRow.id).where(
    CollectionRow.namespace_id == bindparam("namespace_id"),
    CollectionRow.collection_name == bindparam("collection_name"),
)


async def find_named(tx: Transaction, name: str) -> str | None:
    """Return the id of the collection that has the name."""
    holder: str | None = await tx.value(
        _FIND_NAMED, namespace_id=tx.namespace_id, collection_name=name
    )
    return holder


def taken(name: str, holder: str | None = None) -> AlreadyExists:
    """Return the answer to a name that another collection has."""
    return AlreadyExists(
        f"another collection is called {name!r}; choose another name", PATH, existing_id=holder
    )

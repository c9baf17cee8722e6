"""The rules for namespaces."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from asyncpg import Record
from sqlalchemy import ARRAY, Text, any_, bindparam, insert, or_, select

from gateway.checks import check_description, check_name
from gateway.database.ids import new_id
from gateway.database.transaction import Transaction
from gateway.database.violations import on_violation
from gateway.errors import (
    AlreadyExists,
    Forbidden,
    InvalidInput,
    NotFound,
    UserFailure,
)
from gateway.gathering import refuse
from gateway.namespaces import audit
from gateway.namespaces.audit import Action, Actor
from gateway.namespaces.tables import NamespaceRow
from gateway.wording import shortened

MOST_NAME_CHARACTERS = 255

# A name travels in a header, and stands wherever an id may stand.
_REFERENCE = re.compile(rf"[A-Za-z0-9._-]{{1,{MOST_NAME_CHARACTERS}}}")
_OTHER_CHARACTER = re.compile(r"[^A-Za-z0-9._-]")

_ADD = insert(NamespaceRow).values(
    id=bindparam("id"),
    namespace_name=bindparam("namespace_name"),
    description=bindparam("description"),
)
_LIST = select(
    NamespaceRow.id, NamespaceRow.namespace_name, NamespaceRow.description, NamespaceRow.created_at
).order_by(NamespaceRow.id)
_WANTED = bindparam("wanted", type_=ARRAY(Text))
_REACH = bindparam("reach", type_=ARRAY(Text))
_FIND = select(NamespaceRow.id, NamespaceRow.namespace_name).where(
    or_(NamespaceRow.id == any_(_WANTED), NamespaceRow.namespace_name == any_(_WANTED)),
    or_(_REACH.is_(None), NamespaceRow.id == any_(_REACH)),
)

# The ids of the namespaces that a key may be used in; None: every one, those to come included.
Reach = Collection[str] | None


def may_name_namespace(text: str) -> bool:
    """Tell whether the text can be a namespace's name or id at all."""
    return _REFERENCE.fullmatch(text) is not None


async def create_namespace(
    tx: Transaction, *, by: Actor, reach: Reach, name: str, description: str | None
) -> str:
    """Make a namespace; return its id.

    Args:
        reach: Of the key that asks.

    Raises:
        Forbidden: The key is bound to some namespaces, so the new one would be none of its.
        InvalidInput, TooLarge: The name or the description is not of the right form.
        AlreadyExists: The name is taken.
    """
    if reach is not None:
        raise Forbidden("this needs a key that may be used in every namespace")
    _check_namespace_name(name)
    check_description(description)
    namespace_id = new_id("ns")
    taken = AlreadyExists(f"a namespace is called {name!r} already", ("namespaceName",))
    with on_violation(uq_namespaces_namespace_name=taken):
        await tx.run(_ADD, id=namespace_id, namespace_name=name, description=description)
    await audit.record(tx, by, Action.NAMESPACE_CREATED, namespace_id, name=name)
    return namespace_id


async def list_namespaces(tx: Transaction) -> list[Record]:
    """Return id, namespace_name, description and created_at of all, in the order they were made."""
    return await tx.rows(_LIST)


async def get_namespace_ids(
    tx: Transaction, *, reach: Reach, references: Sequence[str], path: Sequence[str]
) -> list[str]:
    """Return the ids of the namespaces that are named, by name or by id, each once.

    Args:
        reach: Of the key that asks; what is beyond it is answered as what does not exist.
        path: Of ``references`` in the input.

    Raises:
        NotFound, Refused: One or several are unknown.
    """
    wanted = [each for each in references if may_name_namespace(each)]
    found: dict[str, str] = {}
    for row in await tx.rows(_FIND, wanted=wanted, reach=None if reach is None else sorted(reach)):
        found[row["id"]] = found[row["namespace_name"]] = row["id"]
    unknown: list[UserFailure] = [
        NotFound(
            f"no namespace within reach has the name or the id {shortened(each)!r}",
            (*path, str(index)),
        )
        for index, each in enumerate(references)
        if each not in found
    ]
    if unknown:
        refuse(unknown)
    return sorted({found[each] for each in references})


def _check_namespace_name(name: str) -> None:
    path = ("namespaceName",)
    check_name(name, path, most=MOST_NAME_CHARACTERS)
    if other := _OTHER_CHARACTER.search(name):
        raise InvalidInput(
            f"namespaceName has {other[0]!r} in it; the letters a-z and A-Z, digits, -, _ and ."
            " are what it may have",
            path,
        )
    if name.startswith("ns_"):
        raise InvalidInput("namespaceName begins as an id does; leave out the ns_", path)

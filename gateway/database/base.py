"""What every table has in common: names of constraints, column types, the tenant's key."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Integer, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class IdText(Text):
    """The type of ids: letters, digits and one underscore, so as JSON they need no escaping."""


# Ids and names compare byte by byte: the same order on every machine, and an index that serves
# prefixes.
Id = Annotated[str, mapped_column(IdText(collation="C"))]
Name = Annotated[str, mapped_column(Text(collation="C"))]
Size = Annotated[int, mapped_column(BigInteger)]
JsonObject = Annotated[dict[str, Any], mapped_column(JSONB)]
JsonArray = Annotated[list[Any], mapped_column(JSONB)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]


class Row(DeclarativeBase):
    """Base of all tables: SQLAlchemy writes their SQL, asyncpg runs it (decision 0001)."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text(), datetime: DateTime(timezone=True)}  # noqa: RUF012


class Tenant:
    """First half of the key of every row that belongs to a namespace."""

    namespace_id: Mapped[Id] = mapped_column(primary_key=True, sort_order=-2)


class Entity(Tenant):
    """A row with an id of its own."""

    id: Mapped[Id] = mapped_column(primary_key=True, sort_order=-1)


class Dated:
    """When a row was made."""

    created_at: Mapped[Moment] = mapped_column(server_default=func.now(), sort_order=90)


class Versioned(Dated):
    """A row that changes: each change raises ``version`` under the row lock."""

    updated_at: Mapped[Moment] = mapped_column(server_default=func.now(), sort_order=91)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), sort_order=92)


def one_of(words: Iterable[str]) -> str:
    """Return the words as SQL literals, for a CHECK constraint."""
    return ", ".join(f"'{word}'" for word in words)

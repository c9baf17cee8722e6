"""The log of events, as it is read; functions of the database write it (decision 0012)."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Date, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.base import Id, Moment, Row


class EventRow(Row):
    """What happened to one entity; ``seq`` counts the events of all namespaces without a gap."""

    __tablename__ = "event_log"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # Its partition.
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    outbox_id: Mapped[int] = mapped_column(BigInteger)
    namespace_id: Mapped[Id]
    kind: Mapped[str]
    event: Mapped[str]
    node_id: Mapped[Id]
    bucket_id: Mapped[Id | None]
    collection_id: Mapped[Id | None]
    root_object_id: Mapped[Id | None]
    version: Mapped[int] = mapped_column(Integer)
    previous_status: Mapped[str | None]
    status: Mapped[str | None]
    error: Mapped[str | None]
    at: Mapped[Moment]

    __table_args__ = (
        Index(None, "namespace_id", "seq"),
        Index(None, "node_id", "namespace_id", "seq"),
        {"postgresql_partition_by": "LIST (day)"},
    )

"""What PostgreSQL keeps of rates."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.base import Id, Moment, Row


class KeyRateRow(Row):
    """A bucket of tokens that gateways share: when it will be full again."""

    __tablename__ = "key_rates"

    key_id: Mapped[Id] = mapped_column(primary_key=True)
    full_at: Mapped[Moment]

    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

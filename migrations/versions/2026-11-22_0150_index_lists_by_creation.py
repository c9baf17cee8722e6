"""Read lists of objects and of documents in the order of their creation without sorting them."""

from alembic import op

revision = "20261122_0150"
down_revision = "20261122_0140"

_COLUMNS = (
    ("objects", "bucket_id"),
    ("documents", "collection_id"),
    ("documents", "root_bucket_id"),
)


def upgrade() -> None:
    for table, parent in _COLUMNS:
        op.execute(f"""
            CREATE INDEX ix_{table}_namespace_id_{parent}_created_at_id
                ON {table} (namespace_id, {parent}, created_at, id)
        """)


def downgrade() -> None:
    for table, parent in _COLUMNS:
        op.execute(f"DROP INDEX ix_{table}_namespace_id_{parent}_created_at_id")

"""Let a transaction see and write only the rows of the namespace that it names.

It is the second lock; the first is the predicate in every statement. The owner of the tables is
bound too; superusers and roles with BYPASSRLS are not.
"""

from alembic import op

revision = "20261121_2309"
down_revision = "20261121_2308"

_TABLES = (
    "buckets",
    "bucket_tallies",
    "objects",
    "object_tallies",
    "blobs",
    "contents",
    "collections",
    "collection_sources",
    "collection_tallies",
    "documents",
    "document_blobs",
)
# A setting that was made local to a transaction is '' after it, not NULL.
_IS_OWN = "namespace_id = nullif(current_setting('app.namespace_id', true), '')"


def upgrade() -> None:
    for table in _TABLES:
        op.execute(f"""
            CREATE POLICY p_{table}_namespace ON {table} USING ({_IS_OWN}) WITH CHECK ({_IS_OWN})
        """)
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")
        op.execute(f"DROP POLICY p_{table}_namespace ON {table}")

"""Let a bucket have a unique key, of which one index decides."""

from alembic import op

revision = "20261122_0130"
down_revision = "20261121_2309"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE buckets
            ADD COLUMN unique_key_fields text[],
            ADD COLUMN unique_key_policy text,
            ADD CONSTRAINT ck_buckets_unique_key_fields
                CHECK (cardinality(unique_key_fields) > 0),
            ADD CONSTRAINT ck_buckets_unique_key_policy CHECK (
                unique_key_policy IS NULL OR unique_key_fields IS NOT NULL
                AND unique_key_policy IN ('INSERT', 'UPDATE', 'UPSERT')
            )
    """)
    op.execute('ALTER TABLE objects ADD COLUMN unique_key text COLLATE "C"')
    op.execute("""
        CREATE UNIQUE INDEX uq_objects_namespace_id_bucket_id_unique_key
            ON objects (namespace_id, bucket_id, unique_key) WHERE unique_key IS NOT NULL
    """)


def downgrade() -> None:
    op.execute("ALTER TABLE objects DROP COLUMN unique_key")
    op.execute("ALTER TABLE buckets DROP COLUMN unique_key_fields, DROP COLUMN unique_key_policy")

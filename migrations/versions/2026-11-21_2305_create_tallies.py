"""Make room for counts: a count is the sum of several rows, the tallies (decision 0002)."""

from alembic import op

revision = "20261121_2305"
down_revision = "20261121_2304"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE bucket_tallies (
            namespace_id text COLLATE "C" NOT NULL,
            bucket_id text COLLATE "C" NOT NULL,
            slot integer NOT NULL,
            objects bigint NOT NULL,
            size_bytes bigint NOT NULL,
            last_upload_at timestamptz,
            CONSTRAINT pk_bucket_tallies PRIMARY KEY (namespace_id, bucket_id, slot),
            CONSTRAINT fk_bucket_tallies_namespace_id_bucket_id
                FOREIGN KEY (namespace_id, bucket_id)
                REFERENCES buckets (namespace_id, id) ON DELETE CASCADE
        )
    """)
    op.execute("""
        CREATE TABLE object_tallies (
            namespace_id text COLLATE "C" NOT NULL,
            object_id text COLLATE "C" NOT NULL,
            slot integer NOT NULL,
            documents bigint NOT NULL,
            CONSTRAINT pk_object_tallies PRIMARY KEY (namespace_id, object_id, slot),
            CONSTRAINT fk_object_tallies_namespace_id_object_id
                FOREIGN KEY (namespace_id, object_id)
                REFERENCES objects (namespace_id, id) ON DELETE CASCADE
        )
    """)
    op.execute("""
        CREATE TABLE collection_tallies (
            namespace_id text COLLATE "C" NOT NULL,
            collection_id text COLLATE "C" NOT NULL,
            slot integer NOT NULL,
            documents bigint NOT NULL,
            CONSTRAINT pk_collection_tallies PRIMARY KEY (namespace_id, collection_id, slot),
            CONSTRAINT fk_collection_tallies_namespace_id_collection_id
                FOREIGN KEY (namespace_id, collection_id)
                REFERENCES collections (namespace_id, id) ON DELETE CASCADE
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE collection_tallies, object_tallies, bucket_tallies")

"""Keep objects, their blobs, and which bytes a namespace has."""

from alembic import op

revision = "20261121_2302"
down_revision = "20261121_2301"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE objects (
            namespace_id text COLLATE "C" NOT NULL,
            id text COLLATE "C" NOT NULL,
            bucket_id text COLLATE "C" NOT NULL,
            key_prefix text COLLATE "C",
            metadata jsonb NOT NULL DEFAULT '{}',
            content_hash text,
            size_bytes bigint NOT NULL DEFAULT 0,
            skip_duplicates boolean NOT NULL DEFAULT false,
            status text NOT NULL DEFAULT 'DRAFT',
            error text,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            version integer NOT NULL DEFAULT 1,
            CONSTRAINT pk_objects PRIMARY KEY (namespace_id, id),
            CONSTRAINT fk_objects_namespace_id_bucket_id
                FOREIGN KEY (namespace_id, bucket_id) REFERENCES buckets (namespace_id, id),
            CONSTRAINT ck_objects_status CHECK (status IN (
                'PENDING', 'QUEUED', 'IN_PROGRESS', 'PROCESSING', 'COMPLETED',
                'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELED', 'UNKNOWN', 'SKIPPED', 'DRAFT',
                'ACTIVE', 'ARCHIVED', 'SUSPENDED'
            )),
            CONSTRAINT ck_objects_content_hash CHECK (content_hash ~ '^[0-9a-f]{64}$'),
            CONSTRAINT ck_objects_size_bytes CHECK (size_bytes >= 0)
        )
    """)
    op.execute("""
        CREATE INDEX ix_objects_namespace_id_bucket_id_id ON objects (namespace_id, bucket_id, id)
    """)
    op.execute("""
        CREATE INDEX ix_objects_namespace_id_bucket_id_size_bytes
            ON objects (namespace_id, bucket_id, size_bytes)
    """)
    op.execute("""
        CREATE TABLE blobs (
            namespace_id text COLLATE "C" NOT NULL,
            id text COLLATE "C" NOT NULL,
            object_id text COLLATE "C" NOT NULL,
            bucket_id text COLLATE "C" NOT NULL,
            position integer NOT NULL,
            property text NOT NULL,
            type text NOT NULL,
            key_prefix text,
            properties jsonb NOT NULL DEFAULT '{}',
            filename text,
            size_bytes bigint,
            mime_type text,
            hash text,
            has_bytes boolean NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_blobs PRIMARY KEY (namespace_id, id),
            CONSTRAINT fk_blobs_namespace_id_object_id
                FOREIGN KEY (namespace_id, object_id) REFERENCES objects (namespace_id, id),
            CONSTRAINT fk_blobs_namespace_id_bucket_id
                FOREIGN KEY (namespace_id, bucket_id) REFERENCES buckets (namespace_id, id),
            CONSTRAINT ck_blobs_hash CHECK (hash ~ '^[0-9a-f]{64}$')
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX ix_blobs_namespace_id_object_id_position
            ON blobs (namespace_id, object_id, position)
    """)
    op.execute("CREATE INDEX ix_blobs_namespace_id_hash ON blobs (namespace_id, hash)")
    op.execute("""
        CREATE INDEX ix_blobs_namespace_id_bucket_id_hash ON blobs (namespace_id, bucket_id, hash)
    """)
    op.execute("""
        CREATE TABLE contents (
            namespace_id text COLLATE "C" NOT NULL,
            hash text NOT NULL,
            size_bytes bigint NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_contents PRIMARY KEY (namespace_id, hash),
            CONSTRAINT fk_contents_namespace_id
                FOREIGN KEY (namespace_id) REFERENCES namespaces (id)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE contents, blobs, objects")

"""Keep buckets."""

from alembic import op

revision = "20261121_2301"
down_revision = "20261121_2300"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE buckets (
            namespace_id text COLLATE "C" NOT NULL,
            id text COLLATE "C" NOT NULL,
            bucket_name text COLLATE "C" NOT NULL,
            description text,
            bucket_schema json NOT NULL,
            metadata jsonb NOT NULL DEFAULT '{}',
            status text NOT NULL DEFAULT 'ACTIVE',
            is_locked boolean NOT NULL DEFAULT false,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            version integer NOT NULL DEFAULT 1,
            CONSTRAINT pk_buckets PRIMARY KEY (namespace_id, id),
            CONSTRAINT fk_buckets_namespace_id
                FOREIGN KEY (namespace_id) REFERENCES namespaces (id),
            CONSTRAINT ck_buckets_status
                CHECK (status IN ('ACTIVE','ARCHIVED','SUSPENDED','IN_PROGRESS'))
        )
    """)
    # A name is free again as soon as its bucket is being deleted.
    op.execute("""
        CREATE UNIQUE INDEX uq_buckets_namespace_id_bucket_name
            ON buckets (namespace_id, bucket_name) WHERE status <> 'IN_PROGRESS'
    """)


def downgrade() -> None:
    op.execute("DROP TABLE buckets")

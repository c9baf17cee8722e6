"""Keep collections and what feeds them."""

from alembic import op

revision = "20261121_2303"
down_revision = "20261121_2302"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE collections (
            namespace_id text COLLATE "C" NOT NULL,
            id text COLLATE "C" NOT NULL,
            collection_name text COLLATE "C" NOT NULL,
            enabled boolean NOT NULL DEFAULT true,
            source_type text NOT NULL,
            extractor_name text NOT NULL,
            extractor_version text NOT NULL,
            input_mappings jsonb NOT NULL DEFAULT '{}',
            field_passthrough jsonb NOT NULL DEFAULT '[]',
            parameters jsonb NOT NULL DEFAULT '{}',
            metadata jsonb NOT NULL DEFAULT '{}',
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            version integer NOT NULL DEFAULT 1,
            CONSTRAINT pk_collections PRIMARY KEY (namespace_id, id),
            CONSTRAINT uq_collections_namespace_id_collection_name
                UNIQUE (namespace_id, collection_name),
            CONSTRAINT fk_collections_namespace_id
                FOREIGN KEY (namespace_id) REFERENCES namespaces (id),
            CONSTRAINT ck_collections_source_type CHECK (source_type IN ('BUCKET','COLLECTION'))
        )
    """)
    op.execute("""
        CREATE TABLE collection_sources (
            namespace_id text COLLATE "C" NOT NULL,
            collection_id text COLLATE "C" NOT NULL,
            position integer NOT NULL,
            bucket_id text COLLATE "C",
            source_collection_id text COLLATE "C",
            CONSTRAINT pk_collection_sources PRIMARY KEY (namespace_id, collection_id, position),
            CONSTRAINT fk_collection_sources_namespace_id_collection_id
                FOREIGN KEY (namespace_id, collection_id)
                REFERENCES collections (namespace_id, id) ON DELETE CASCADE,
            CONSTRAINT fk_collection_sources_namespace_id_bucket_id
                FOREIGN KEY (namespace_id, bucket_id)
                REFERENCES buckets (namespace_id, id) ON DELETE CASCADE,
            CONSTRAINT fk_collection_sources_namespace_id_source_collection_id
                FOREIGN KEY (namespace_id, source_collection_id)
                REFERENCES collections (namespace_id, id) ON DELETE CASCADE,
            CONSTRAINT ck_collection_sources_one_source
                CHECK (num_nonnulls(bucket_id, source_collection_id) = 1)
        )
    """)
    op.execute("""
        CREATE INDEX ix_collection_sources_namespace_id_bucket_id
            ON collection_sources (namespace_id, bucket_id)
    """)
    op.execute("""
        CREATE INDEX ix_collection_sources_namespace_id_source_collection_id
            ON collection_sources (namespace_id, source_collection_id)
    """)


def downgrade() -> None:
    op.execute("DROP TABLE collection_sources, collections")

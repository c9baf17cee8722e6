"""Keep documents and the blobs that extractors made for them."""

from alembic import op

revision = "20261121_2304"
down_revision = "20261121_2303"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE documents (
            namespace_id text COLLATE "C" NOT NULL,
            id text COLLATE "C" NOT NULL,
            collection_id text COLLATE "C" NOT NULL,
            root_object_id text COLLATE "C",
            root_bucket_id text COLLATE "C",
            source_type text,
            source_collection_id text COLLATE "C",
            source_document_id text COLLATE "C",
            source_object_id text COLLATE "C",
            lineage_path text COLLATE "C",
            lineage_chain jsonb NOT NULL DEFAULT '[]',
            source_blobs jsonb NOT NULL DEFAULT '[]',
            features jsonb NOT NULL DEFAULT '[]',
            vector double precision[],
            metadata jsonb NOT NULL DEFAULT '{}',
            internal_metadata jsonb NOT NULL DEFAULT '{}',
            status text NOT NULL DEFAULT 'COMPLETED',
            error text,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            version integer NOT NULL DEFAULT 1,
            CONSTRAINT pk_documents PRIMARY KEY (namespace_id, id),
            CONSTRAINT fk_documents_namespace_id_collection_id
                FOREIGN KEY (namespace_id, collection_id)
                REFERENCES collections (namespace_id, id),
            CONSTRAINT fk_documents_namespace_id_root_object_id
                FOREIGN KEY (namespace_id, root_object_id) REFERENCES objects (namespace_id, id),
            CONSTRAINT fk_documents_namespace_id_root_bucket_id
                FOREIGN KEY (namespace_id, root_bucket_id) REFERENCES buckets (namespace_id, id),
            CONSTRAINT fk_documents_namespace_id_source_collection_id
                FOREIGN KEY (namespace_id, source_collection_id)
                REFERENCES collections (namespace_id, id),
            CONSTRAINT fk_documents_namespace_id_source_document_id
                FOREIGN KEY (namespace_id, source_document_id)
                REFERENCES documents (namespace_id, id),
            CONSTRAINT fk_documents_namespace_id_source_object_id
                FOREIGN KEY (namespace_id, source_object_id)
                REFERENCES objects (namespace_id, id),
            CONSTRAINT ck_documents_status CHECK (status IN (
                'PENDING', 'QUEUED', 'IN_PROGRESS', 'PROCESSING', 'COMPLETED',
                'COMPLETED_WITH_ERRORS', 'FAILED', 'CANCELED', 'UNKNOWN', 'SKIPPED', 'DRAFT',
                'ACTIVE', 'ARCHIVED', 'SUSPENDED'
            )),
            CONSTRAINT ck_documents_source CHECK (
                CASE source_type
                    WHEN 'BUCKET' THEN source_object_id IS NOT NULL
                        AND source_document_id IS NULL AND source_collection_id IS NULL
                    WHEN 'COLLECTION' THEN source_object_id IS NULL
                        AND source_document_id IS NOT NULL AND source_collection_id IS NOT NULL
                    ELSE source_type IS NULL
                        AND num_nonnulls(
                            source_object_id, source_document_id, source_collection_id
                        ) = 0
                END
            )
        )
    """)
    for columns in (
        "collection_id, id",
        "root_object_id, id",
        "root_bucket_id, id",
        "source_document_id, id",
        "source_object_id, id",
        "source_collection_id",
    ):
        name = "ix_documents_namespace_id_" + columns.replace(", ", "_")
        op.execute(f"CREATE INDEX {name} ON documents (namespace_id, {columns})")
    op.execute("""
        CREATE TABLE document_blobs (
            namespace_id text COLLATE "C" NOT NULL,
            document_id text COLLATE "C" NOT NULL,
            position integer NOT NULL,
            field text NOT NULL,
            role text NOT NULL,
            type text NOT NULL,
            properties jsonb NOT NULL DEFAULT '{}',
            filename text,
            size_bytes bigint,
            content_type text,
            hash text,
            has_bytes boolean NOT NULL,
            source_blob_id text COLLATE "C",
            created_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_document_blobs PRIMARY KEY (namespace_id, document_id, position),
            CONSTRAINT fk_document_blobs_namespace_id_document_id
                FOREIGN KEY (namespace_id, document_id)
                REFERENCES documents (namespace_id, id) ON DELETE CASCADE,
            CONSTRAINT fk_document_blobs_namespace_id_source_blob_id
                FOREIGN KEY (namespace_id, source_blob_id) REFERENCES blobs (namespace_id, id),
            CONSTRAINT ck_document_blobs_hash CHECK (hash ~ '^[0-9a-f]{64}$')
        )
    """)
    op.execute("""
        CREATE INDEX ix_document_blobs_namespace_id_hash ON document_blobs (namespace_id, hash)
    """)
    op.execute("""
        CREATE INDEX ix_document_blobs_namespace_id_source_blob_id
            ON document_blobs (namespace_id, source_blob_id)
    """)


def downgrade() -> None:
    op.execute("DROP TABLE document_blobs, documents")

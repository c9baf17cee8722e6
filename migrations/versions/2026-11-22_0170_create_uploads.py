"""Create uploads, whose status moves as ``gateway/status.py`` says."""

from alembic import op

revision = "20261122_0170"
down_revision = "20261122_0160"

_IS_OWN = "namespace_id = nullif(current_setting('app.namespace_id', true), '')"
_STATUSES = (
    "'PENDING', 'QUEUED', 'IN_PROGRESS', 'PROCESSING', 'COMPLETED', 'COMPLETED_WITH_ERRORS',"
    " 'FAILED', 'CANCELED', 'UNKNOWN', 'SKIPPED', 'DRAFT', 'ACTIVE', 'ARCHIVED', 'SUSPENDED'"
)


def upgrade() -> None:
    op.execute(f"""
        CREATE TABLE uploads (
            namespace_id text COLLATE "C" NOT NULL,
            id text COLLATE "C" NOT NULL,
            bucket_id text COLLATE "C" NOT NULL,
            filename text NOT NULL,
            content_type text NOT NULL,
            size_bytes bigint NOT NULL,
            announced_hash text,
            hash text,
            key text COLLATE "C",
            parts_id text,
            part_size_bytes bigint,
            status text NOT NULL DEFAULT 'PENDING',
            is_duplicate boolean NOT NULL DEFAULT false,
            error text,
            expires_in_s integer NOT NULL,
            expires_at timestamptz NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            version integer NOT NULL DEFAULT 1,
            CONSTRAINT pk_uploads PRIMARY KEY (namespace_id, id),
            CONSTRAINT ck_uploads_status CHECK (status IN ({_STATUSES})),
            CONSTRAINT ck_uploads_announced_hash CHECK (announced_hash ~ '^[0-9a-f]{{64}}$'),
            CONSTRAINT ck_uploads_hash CHECK (hash ~ '^[0-9a-f]{{64}}$'),
            CONSTRAINT ck_uploads_size_bytes CHECK (size_bytes >= 0)
        )
    """)
    for name in ("expires_at", "hash", "key"):
        op.execute(f"CREATE INDEX ix_uploads_namespace_id_{name} ON uploads (namespace_id, {name})")
    op.execute(f"""
        CREATE POLICY p_uploads_namespace ON uploads USING ({_IS_OWN}) WITH CHECK ({_IS_OWN})
    """)
    op.execute("ALTER TABLE uploads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute("""
        INSERT INTO status_transitions (kind, from_status, to_status) VALUES
            ('UPLOAD', 'PENDING', 'COMPLETED'),
            ('UPLOAD', 'PENDING', 'FAILED'),
            ('UPLOAD', 'PENDING', 'CANCELED')
    """)
    op.execute("""
        CREATE TRIGGER refuse_status_move BEFORE UPDATE OF status ON uploads FOR EACH ROW
        WHEN (OLD.status IS DISTINCT FROM NEW.status)
        EXECUTE FUNCTION refuse_status_move('UPLOAD')
    """)


def downgrade() -> None:
    op.execute("DROP TABLE uploads")
    op.execute("DELETE FROM status_transitions WHERE kind = 'UPLOAD'")

"""Remember for a day which mutations were made under which key, and how they were answered."""

from alembic import op

revision = "20261122_0180"
down_revision = "20261122_0170"

_IS_OWN = "namespace_id = nullif(current_setting('app.namespace_id', true), '')"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE idempotency_keys (
            namespace_id text COLLATE "C" NOT NULL,
            key text COLLATE "C" NOT NULL,
            fingerprint bytea NOT NULL,
            answer jsonb,
            created_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_idempotency_keys PRIMARY KEY (namespace_id, key),
            CONSTRAINT fk_idempotency_keys_namespace_id
                FOREIGN KEY (namespace_id) REFERENCES namespaces (id)
        )
    """)
    op.execute("""
        CREATE INDEX ix_idempotency_keys_namespace_id_created_at
            ON idempotency_keys (namespace_id, created_at)
    """)
    op.execute(f"""
        CREATE POLICY p_idempotency_keys_namespace ON idempotency_keys
            USING ({_IS_OWN}) WITH CHECK ({_IS_OWN})
    """)
    op.execute("ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("DROP TABLE idempotency_keys")

"""Remember under which key the store has a content, and which keys are to be removed from it."""

from alembic import op

revision = "20261122_0140"
down_revision = "20261122_0130"

_IS_OWN = "namespace_id = nullif(current_setting('app.namespace_id', true), '')"


def upgrade() -> None:
    op.execute('ALTER TABLE contents ADD COLUMN key text COLLATE "C"')
    op.execute("ALTER TABLE contents NO FORCE ROW LEVEL SECURITY")  # the owner fills all rows
    op.execute("UPDATE contents SET key = namespace_id || '/' || hash")
    op.execute("ALTER TABLE contents FORCE ROW LEVEL SECURITY, ALTER COLUMN key SET NOT NULL")
    op.execute("CREATE UNIQUE INDEX ix_contents_namespace_id_key ON contents (namespace_id, key)")
    op.execute("""
        CREATE TABLE removals (
            namespace_id text COLLATE "C" NOT NULL,
            key text COLLATE "C" NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_removals PRIMARY KEY (namespace_id, key),
            CONSTRAINT fk_removals_namespace_id
                FOREIGN KEY (namespace_id) REFERENCES namespaces (id)
        )
    """)
    op.execute(f"""
        CREATE POLICY p_removals_namespace ON removals USING ({_IS_OWN}) WITH CHECK ({_IS_OWN})
    """)
    op.execute("ALTER TABLE removals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("DROP TABLE removals")
    op.execute("ALTER TABLE contents DROP COLUMN key")

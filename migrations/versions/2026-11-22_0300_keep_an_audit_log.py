"""Keep who changed namespaces and keys, in a table that is only ever added to.

A transaction that is bound to a namespace, as those of requests are, adds to it and sees nothing of
it; nobody who is bound by row level security changes what it has.
"""

from alembic import op

revision = "20261122_0300"
down_revision = "20261122_0240"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE audit_log (
            id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
            happened_at timestamptz NOT NULL DEFAULT now(),
            action text NOT NULL,
            subject_id text COLLATE "C" NOT NULL,
            by_key_id text COLLATE "C",
            by_user text,
            origin text NOT NULL,
            details jsonb NOT NULL,
            CONSTRAINT pk_audit_log PRIMARY KEY (id),
            CONSTRAINT ck_audit_log_by CHECK ((by_key_id IS NULL) <> (by_user IS NULL))
        )
    """)
    op.execute("CREATE POLICY p_audit_log_add ON audit_log FOR INSERT WITH CHECK (true)")
    op.execute("""
        CREATE POLICY p_audit_log_read ON audit_log FOR SELECT
            USING (nullif(current_setting('app.namespace_id', true), '') IS NULL)
    """)
    op.execute("ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    # Without policies an UPDATE would touch nothing and say so to nobody; TRUNCATE asks none.
    op.execute("""
        CREATE FUNCTION keep_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit log is only ever added to';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER tr_audit_log_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
            FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_log()
    """)


def downgrade() -> None:
    op.execute("DROP TABLE audit_log")
    op.execute("DROP FUNCTION keep_audit_log")

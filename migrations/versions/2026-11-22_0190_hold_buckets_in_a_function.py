"""Hold a bucket and find out whether it has changed, in a function: within another statement."""

from alembic import op

revision = "20261122_0190"
down_revision = "20261122_0180"


def upgrade() -> None:
    # Volatile, so the look at the bucket has a snapshot of its own, taken once the lock is had: it
    # sees what the last holder committed, which the statement around it may not.
    op.execute("""
        CREATE FUNCTION hold_bucket(namespace_id text, bucket_id text, seen xid) RETURNS boolean
            LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared(hashtextextended($1 || $2, 0));
            PERFORM FROM buckets b WHERE b.namespace_id = $1 AND b.id = $2 AND b.xmin = $3;
            RETURN FOUND;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION hold_bucket")

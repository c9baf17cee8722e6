# ruff: noqa: S608 - the parts of the statements are written below
"""Begin an epoch with each term of a sequencer, and mark it as no other copy of the database would.

A standby that is promoted, a backup that is started: each goes on with the timelines and epochs
that it knows, and gives them the numbers that another copy has given already (decision 0019).
"""

from alembic import op

revision = "20261122_0320"
down_revision = "20261122_0310"

# As in the migration that made the log: the lock of whoever moves events, and who sees them all.
_LOCK = "PERFORM pg_advisory_xact_lock(3471906258814402967)"
_SEE_ALL = "PERFORM set_config('app.events_of', 'all', true)"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE event_epochs ADD COLUMN mark bigint NOT NULL
            DEFAULT ('x' || left(gen_random_uuid()::text, 8))::bit(32)::bigint
    """)
    op.execute("ALTER FUNCTION open_event_epoch RENAME TO settle_event_outbox")
    # An epoch in which nothing was numbered leaves no trace, and one whose numbers are older than
    # the log is of no use: so there are never many, however often terms change.
    op.execute(f"""
        CREATE FUNCTION open_event_epoch() RETURNS integer
        LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        DECLARE
            here event_epochs;
            last bigint;
            kept bigint;
        BEGIN
            {_LOCK};
            -- What a restored outbox holds is moved first; it has an epoch of its own.
            PERFORM settle_event_outbox();
            {_SEE_ALL};
            SELECT * INTO here FROM event_epochs ORDER BY epoch DESC LIMIT 1;
            SELECT last_seq INTO last FROM event_batches ORDER BY no DESC LIMIT 1;
            last := coalesce(last, 0);
            SELECT min(seq) INTO kept FROM event_log;

            DELETE FROM event_epochs e WHERE first_seq > last OR EXISTS (
                SELECT FROM event_epochs n
                WHERE n.epoch > e.epoch AND n.first_seq < coalesce(kept, last + 1)
            );
            INSERT INTO event_epochs (epoch, first_seq, server, timeline, log)
            SELECT coalesce(max(epoch), 0) + 1, last + 1, here.server, here.timeline, here.log
            FROM event_epochs
            RETURNING * INTO here;
            PERFORM pg_notify('events', last::text);
            RETURN here.epoch;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION open_event_epoch")
    op.execute("ALTER FUNCTION settle_event_outbox RENAME TO open_event_epoch")
    op.execute("ALTER TABLE event_epochs DROP COLUMN mark")

"""Sequencers that are wrong in the ways that are often advised; the judge has to see it."""

from __future__ import annotations

_COPIED = """namespace_id, kind, event, node_id, bucket_id, collection_id, root_object_id, version,
    previous_status, status, error, at"""

_FUNCTION = """
CREATE TABLE planted AS SELECT xid, id FROM event_outbox ORDER BY id DESC LIMIT 1;
CREATE OR REPLACE FUNCTION sequence_events(most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    last bigint;
    moved integer;
BEGIN
    PERFORM pg_advisory_xact_lock(3471906258814402967);
    PERFORM set_config('app.events_of', 'all', true);
    SELECT last_seq INTO last FROM event_batches ORDER BY no DESC LIMIT 1;
    WITH page AS (
        SELECT o.* FROM event_outbox o, planted p WHERE {after} ORDER BY {order} LIMIT most
    ), moved AS (
        INSERT INTO event_log (seq, day, outbox_id, {copied})
        SELECT last + row_number() OVER (ORDER BY {order}), (SELECT max(day) FROM event_batches),
            id, {copied}
        FROM page o
    ), noted AS (
        UPDATE planted SET xid = o.xid, id = o.id
        FROM (SELECT o.xid, o.id FROM page o ORDER BY {backwards} LIMIT 1) AS o
    )
    SELECT count(*) INTO moved FROM page;
    UPDATE event_batches SET last_seq = last_seq + moved
    WHERE no = (SELECT max(no) FROM event_batches);
    RETURN moved;
END $$
"""

# All after the last id: what a later id overtook is never seen.
BY_ID = _FUNCTION.format(copied=_COPIED, after="o.id > p.id", order="o.id", backwards="o.id DESC")
# All of transactions older than any that runs: an old one may write after it waited for a younger.
BELOW_THE_OLDEST = _FUNCTION.format(
    copied=_COPIED,
    after="(o.xid, o.id) > (p.xid, p.id) AND o.xid < pg_snapshot_xmin(pg_current_snapshot())",
    order="o.xid, o.id",
    backwards="o.xid DESC, o.id DESC",
)

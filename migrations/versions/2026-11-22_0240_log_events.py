# ruff: noqa: S608 - the parts of the statements are written below
"""Log what happens to every entity: an outbox that triggers fill, and the log it is sequenced into.

Writers fill ``event_outbox`` in their own transactions and wait for nobody. ``sequence_events``
moves what was committed into ``event_log``, numbered without a gap (decision 0012).

A table whose entities are to be watched takes one line in its migration:
``SELECT keep_events_of('batches', 'BATCH', bucket_id => 'bucket_id')``.
"""

from alembic import op

revision = "20261122_0240"
down_revision = "20261122_0190"

_IS_OWN = "namespace_id = nullif(current_setting('app.namespace_id', true), '')"
# Set by the functions below for their transaction: the sequencer serves all namespaces.
_IS_SEQUENCER = "current_setting('app.events_of', true) = 'all'"
_SEE_ALL = "PERFORM set_config('app.events_of', 'all', true)"

_SHARED = """
            namespace_id text COLLATE "C" NOT NULL,
            kind text NOT NULL,
            event text NOT NULL,
            node_id text COLLATE "C" NOT NULL,
            bucket_id text COLLATE "C",
            collection_id text COLLATE "C",
            root_object_id text COLLATE "C",
            version integer NOT NULL,
            previous_status text,
            status text,
            error text,
"""
_COPIED = """namespace_id, kind, event, node_id, bucket_id, collection_id, root_object_id, version,
                previous_status, status, error, at"""

TABLES = (
    "'buckets', 'BUCKET', bucket_id => 'id'",
    "'objects', 'OBJECT', bucket_id => 'bucket_id', root_object_id => 'id'",
    "'documents', 'DOCUMENT', bucket_id => 'root_bucket_id', collection_id => 'collection_id',"
    " root_object_id => 'root_object_id'",
    "'collections', 'COLLECTION', collection_id => 'id'",
    "'uploads', 'UPLOAD', bucket_id => 'bucket_id'",
)

# Name the locks of whoever moves events, and of whoever removes those that were; drawn by chance.
_LOCK = "PERFORM pg_advisory_xact_lock(3471906258814402967)"
_CLEANING = 1208465537960147785


def upgrade() -> None:
    _make_tables()
    _make_policies()
    watch_tables()
    _make_sequencer()
    _make_epochs()
    _make_cleaning()


def _make_tables() -> None:
    # Its one index is in the order in which rows are looked for, and grows at its end only. What
    # was sequenced and not yet removed lies before all that is looked for.
    op.execute(f"""
        CREATE TABLE event_outbox (
            xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
            id bigint GENERATED ALWAYS AS IDENTITY,
            {_SHARED}
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT pk_event_outbox PRIMARY KEY (xid, id)
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)
    """)
    op.execute(f"""
        CREATE TABLE event_log (
            seq bigint NOT NULL,
            day date NOT NULL,
            outbox_id bigint NOT NULL,
            {_SHARED}
            at timestamptz NOT NULL,
            CONSTRAINT pk_event_log PRIMARY KEY (seq, day)
        ) PARTITION BY LIST (day)
    """)
    op.execute("CREATE INDEX ix_event_log_namespace_id_seq ON event_log (namespace_id, seq)")
    op.execute("""
        CREATE INDEX ix_event_log_namespace_id_node_id_seq ON event_log (namespace_id, node_id, seq)
    """)
    # What the sequencer knows: the last row counts. All that `snapshot` saw is in the log up to
    # `last_seq`; of what `until` saw beyond it, all with an outbox id up to `after_id`.
    op.execute("""
        CREATE TABLE event_batches (
            no bigint NOT NULL,
            last_seq bigint NOT NULL,
            snapshot pg_snapshot NOT NULL,
            until pg_snapshot,
            after_id bigint NOT NULL DEFAULT 0,
            day date NOT NULL,
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT pk_event_batches PRIMARY KEY (no)
        )
    """)
    op.execute("""
        CREATE TABLE event_epochs (
            epoch integer NOT NULL,
            first_seq bigint NOT NULL,
            server text NOT NULL,
            timeline text NOT NULL,
            log oid NOT NULL,
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT pk_event_epochs PRIMARY KEY (epoch)
        )
    """)
    # All gateways on a database, and it restored elsewhere, read each other's cursors.
    op.execute("""
        CREATE TABLE event_cursor_keys (
            key bytea NOT NULL,
            CONSTRAINT ck_event_cursor_keys_key CHECK (length(key) = 32)
        )
    """)
    op.execute("""
        INSERT INTO event_cursor_keys
        SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
    """)


def _make_policies() -> None:
    """Bind everyone but the functions below to the own namespace, and to what is theirs to do."""
    op.execute(f"""
        CREATE POLICY p_event_outbox_namespace ON event_outbox FOR INSERT WITH CHECK ({_IS_OWN})
    """)
    op.execute(f"""
        CREATE POLICY p_event_log_namespace ON event_log FOR SELECT USING ({_IS_OWN})
    """)
    for table in ("event_outbox", "event_log"):
        op.execute(f"CREATE POLICY p_{table}_sequencer ON {table} USING ({_IS_SEQUENCER})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")


def watch_tables() -> None:
    # FULL JOIN: an id that changes is one entity gone and one made; and PostgreSQL has no nested
    # loop for it, which for a bulk update would take the square of its rows.
    op.execute("""
        CREATE FUNCTION keep_events_of(source regclass, kind text, bucket_id text DEFAULT NULL,
            collection_id text DEFAULT NULL, root_object_id text DEFAULT NULL) RETURNS void
        LANGUAGE plpgsql SET search_path FROM CURRENT AS $make$
        DECLARE
            name text := 'keep_events_of_' || source;
            has text[] := ARRAY(SELECT attname FROM pg_attribute
                WHERE attrelid = source AND NOT attisdropped);
            old_status text := CASE WHEN 'status' = ANY (has) THEN 'o.status' ELSE 'NULL' END;
            new_status text := CASE WHEN 'status' = ANY (has) THEN 'n.status' ELSE 'NULL' END;
            -- A long text would go through the outbox and the log; the row has it whole.
            error text := CASE WHEN 'error' = ANY (has) THEN 'left(n.error, 2000)' ELSE 'NULL' END;
            old_ids text;
            new_ids text;
            any_ids text;
        BEGIN
            SELECT string_agg(coalesce('o.' || quote_ident(c), 'NULL'), ', ' ORDER BY i),
                string_agg(coalesce('n.' || quote_ident(c), 'NULL'), ', ' ORDER BY i),
                string_agg(coalesce('CASE WHEN n.id IS NULL THEN o.' || quote_ident(c)
                    || ' ELSE n.' || quote_ident(c) || ' END', 'NULL'), ', ' ORDER BY i)
            INTO old_ids, new_ids, any_ids
            FROM unnest(ARRAY['namespace_id', 'id', bucket_id, collection_id, root_object_id])
                WITH ORDINALITY AS ids (c, i);

            EXECUTE format($format$
                CREATE FUNCTION %1$I() RETURNS trigger
                LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
                BEGIN
                    IF TG_OP = 'UPDATE' THEN
                        INSERT INTO event_outbox (namespace_id, node_id, bucket_id, collection_id,
                            root_object_id, kind, event, version, previous_status, status, error)
                        SELECT %5$s, %2$L,
                            CASE WHEN o.id IS NULL THEN 'CREATED' WHEN n.id IS NULL THEN 'DELETED'
                                WHEN %6$s IS DISTINCT FROM %7$s THEN 'STATUS_CHANGED'
                                ELSE 'UPDATED' END,
                            coalesce(n.version, o.version + 1), %6$s, %7$s, %8$s
                        FROM old_rows o
                        FULL JOIN new_rows n ON o.namespace_id = n.namespace_id AND o.id = n.id;
                    ELSIF TG_OP = 'INSERT' THEN
                        INSERT INTO event_outbox (namespace_id, node_id, bucket_id, collection_id,
                            root_object_id, kind, event, version, status, error)
                        SELECT %4$s, %2$L, 'CREATED', n.version, %7$s, %8$s FROM new_rows n;
                    ELSE
                        INSERT INTO event_outbox (namespace_id, node_id, bucket_id, collection_id,
                            root_object_id, kind, event, version, previous_status)
                        SELECT %3$s, %2$L, 'DELETED', o.version + 1, %6$s FROM old_rows o;
                    END IF;
                    RETURN NULL;
                END $body$
            $format$, name, kind, old_ids, new_ids, any_ids, old_status, new_status, error);
            EXECUTE format('CREATE TRIGGER keep_events_of_inserted AFTER INSERT ON %s
                REFERENCING NEW TABLE AS new_rows
                FOR EACH STATEMENT EXECUTE FUNCTION %I()', source, name);
            EXECUTE format('CREATE TRIGGER keep_events_of_updated AFTER UPDATE ON %s
                REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
                FOR EACH STATEMENT EXECUTE FUNCTION %I()', source, name);
            EXECUTE format('CREATE TRIGGER keep_events_of_deleted AFTER DELETE ON %s
                REFERENCING OLD TABLE AS old_rows
                FOR EACH STATEMENT EXECUTE FUNCTION %I()', source, name);
        END $make$
    """)
    op.execute("""
        CREATE FUNCTION keep_no_events_of(source regclass) RETURNS void
        LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        BEGIN
            EXECUTE format('DROP FUNCTION %I() CASCADE', 'keep_events_of_' || source);
        END $$
    """)
    for table in TABLES:
        op.execute(f"SELECT keep_events_of({table})")


def _make_sequencer() -> None:
    op.execute("""
        CREATE FUNCTION add_event_day(day date) RETURNS void
        LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        DECLARE
            name text := 'event_log_' || to_char(day, 'YYYYMMDD');
        BEGIN
            IF to_regclass(name) IS NULL THEN
                -- Attached, not made as a partition: that would wait for all who read the log.
                EXECUTE format('CREATE TABLE %I (LIKE event_log)', name);
                EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
                    name);
                EXECUTE format('ALTER TABLE event_log ATTACH PARTITION %I FOR VALUES IN (%L)',
                    name, day);
            END IF;
        END $$
    """)
    # What became visible since the last batch is: what began after its snapshot, and what ran then.
    # So a batch costs what is new, whatever else runs, if only the index is read: statistics of a
    # table that fills and empties all the time would tell PostgreSQL anything.
    op.execute(f"""
        CREATE FUNCTION sequence_events(most integer) RETURNS integer
        LANGUAGE plpgsql SET search_path FROM CURRENT
        SET enable_seqscan = off SET enable_bitmapscan = off AS $$
        DECLARE
            today date := (now() AT TIME ZONE 'UTC')::date;
            last event_batches;
            begun xid8;
            running xid8[];
            seen pg_snapshot;
            moved integer;
            last_id bigint;
        BEGIN
            -- A new statement, so a new snapshot: it sees the batch of whoever had the lock.
            {_LOCK};
            {_SEE_ALL};
            SELECT * INTO last FROM event_batches ORDER BY no DESC LIMIT 1;
            IF NOT FOUND THEN
                INSERT INTO event_batches (no, last_seq, snapshot, day)
                VALUES (0, 0, '3:3:', today) RETURNING * INTO last;
            END IF;
            today := greatest(today, last.day);  -- clocks differ; days must not
            PERFORM add_event_day(today);
            begun := pg_snapshot_xmax(last.snapshot);
            running := ARRAY(SELECT pg_snapshot_xip(last.snapshot));

            WITH here AS MATERIALIZED (
                SELECT coalesce(last.until, pg_current_snapshot()) AS snapshot
            ), fresh AS (
                SELECT * FROM event_outbox WHERE xid >= begun
                UNION ALL
                SELECT * FROM event_outbox WHERE xid = ANY (running)
            ), page AS MATERIALIZED (
                SELECT fresh.* FROM fresh, here
                WHERE id > last.after_id AND pg_visible_in_snapshot(xid, here.snapshot)
                ORDER BY id LIMIT most
            ), moved AS (
                INSERT INTO event_log (seq, day, outbox_id, {_COPIED})
                SELECT last.last_seq + row_number() OVER (ORDER BY id), today, id, {_COPIED}
                FROM page
            )
            SELECT (SELECT snapshot FROM here), count(*), max(id) INTO seen, moved, last_id
            FROM page;

            IF moved = most THEN
                INSERT INTO event_batches (no, last_seq, snapshot, until, after_id, day)
                VALUES (last.no + 1, last.last_seq + moved, last.snapshot, seen, last_id, today);
            ELSIF moved > 0 OR last.until IS NOT NULL THEN
                INSERT INTO event_batches (no, last_seq, snapshot, day)
                VALUES (last.no + 1, last.last_seq + moved, seen, today);
            END IF;
            IF moved > 0 THEN
                PERFORM pg_notify('events', (last.last_seq + moved)::text);
            END IF;
            RETURN moved;
        END $$
    """)


def _make_epochs() -> None:
    # Numbers are given again after a failover to a standby that lags, and after a restore: a
    # timeline, a server or a table of its own begins an epoch, by which cursors are told apart.
    #
    # Numbers of transactions mean nothing on another server. What a restored outbox holds that its
    # log does not is moved at once, and the outbox emptied; the oldest batch that is kept tells up
    # to where the outbox had been emptied before.
    op.execute(f"""
        CREATE FUNCTION open_event_epoch() RETURNS integer
        LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        DECLARE
            here event_epochs;
            last event_epochs;
            batch event_batches;
            moved integer := 0;
            seen pg_snapshot;
        BEGIN
            {_LOCK};
            {_SEE_ALL};
            SELECT * INTO last FROM event_epochs ORDER BY epoch DESC LIMIT 1;
            SELECT system_identifier::text INTO here.server FROM pg_control_system();
            here.timeline := left(pg_walfile_name(pg_current_wal_lsn()), 8);
            here.log := 'event_log'::regclass;
            IF (here.server, here.timeline, here.log) = (last.server, last.timeline, last.log) THEN
                RETURN last.epoch;
            END IF;

            SELECT * INTO batch FROM event_batches ORDER BY no DESC LIMIT 1;
            INSERT INTO event_epochs (epoch, first_seq, server, timeline, log)
            VALUES (coalesce(last.epoch, 0) + 1, coalesce(batch.last_seq, 0) + 1, here.server,
                here.timeline, here.log);

            IF batch.no IS NOT NULL AND (here.server, here.log) <> (last.server, last.log) THEN
                PERFORM add_event_day(batch.day);
                WITH left_over AS (
                    DELETE FROM event_outbox RETURNING *
                ), added AS (
                    INSERT INTO event_log (seq, day, outbox_id, {_COPIED})
                    SELECT batch.last_seq + row_number() OVER (ORDER BY id), batch.day, id,
                        {_COPIED}
                    FROM left_over o
                    WHERE NOT EXISTS (
                        SELECT FROM event_log l
                        WHERE l.outbox_id = o.id
                            AND l.seq > (SELECT min(last_seq) FROM event_batches)
                    )
                    RETURNING 1
                )
                SELECT count(*), pg_current_snapshot() INTO moved, seen FROM added;
                INSERT INTO event_batches (no, last_seq, snapshot, day)
                VALUES (batch.no + 1, batch.last_seq + moved, seen, batch.day);
                PERFORM pg_notify('events', (batch.last_seq + moved)::text);
            END IF;
            RETURN coalesce(last.epoch, 0) + 1;
        END $$
    """)


def _make_cleaning() -> None:
    # Once all that a batch saw is gone from the outbox, the batches before it are of no use.
    op.execute(f"""
        CREATE FUNCTION clear_event_outbox(most integer) RETURNS integer
        LANGUAGE plpgsql SET search_path FROM CURRENT
        SET enable_seqscan = off SET enable_bitmapscan = off AS $$
        DECLARE
            done event_batches;
            removed integer;
        BEGIN
            IF NOT pg_try_advisory_xact_lock({_CLEANING}) THEN
                RETURN 0;
            END IF;
            {_SEE_ALL};
            SELECT * INTO done FROM event_batches WHERE until IS NULL ORDER BY no DESC LIMIT 1;
            IF NOT FOUND THEN
                RETURN 0;
            END IF;
            DELETE FROM event_outbox WHERE (xid, id) IN (
                SELECT xid, id FROM event_outbox
                WHERE xid < pg_snapshot_xmax(done.snapshot)
                    AND pg_visible_in_snapshot(xid, done.snapshot)
                ORDER BY xid, id LIMIT most
            );
            GET DIAGNOSTICS removed = ROW_COUNT;
            IF removed < most THEN
                DELETE FROM event_batches WHERE no < done.no;
            END IF;
            RETURN removed;
        END $$
    """)
    # Whoever comes later queues behind one that waits for the log, so it does not wait for long.
    op.execute("""
        CREATE FUNCTION drop_event_days(keep integer) RETURNS integer
        LANGUAGE plpgsql SET search_path FROM CURRENT SET lock_timeout = '200ms' AS $$
        DECLARE
            kept text := 'event_log_'
                || to_char((now() AT TIME ZONE 'UTC')::date - keep, 'YYYYMMDD');
            old regclass;
            dropped integer := 0;
        BEGIN
            FOR old IN
                SELECT c.oid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'event_log'::regclass AND c.relname < kept COLLATE "C"
            LOOP
                EXECUTE format('DROP TABLE %s', old);
                dropped := dropped + 1;
            END LOOP;
            RETURN dropped;
        END $$
    """)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"SELECT keep_no_events_of({table.partition(',')[0]})")
    for function in (
        "drop_event_days",
        "clear_event_outbox",
        "open_event_epoch",
        "sequence_events",
        "add_event_day",
        "keep_no_events_of",
        "keep_events_of",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TABLE event_cursor_keys, event_epochs, event_batches, event_log, event_outbox")

"""Take less of a writer for its events, and less of the sequencer for a batch (decision 0012)."""

from alembic import context, op

revision = "20261122_0330"
down_revision = "20261122_0320"

# The migration that made the log.
_FIRST = "20261122_0240"


def upgrade() -> None:
    # By row where rows change: to bring a statement's old and new rows together took as long as all
    # the rest of an event. Rows that come or go are many at a time more often, and need no partner.
    #
    # The outbox is called by its schema: to set a search_path takes a microsecond of each call.
    op.execute("""
        CREATE OR REPLACE FUNCTION keep_events_of(source regclass, kind text,
            bucket_id text DEFAULT NULL, collection_id text DEFAULT NULL,
            root_object_id text DEFAULT NULL) RETURNS void
        LANGUAGE plpgsql SET search_path FROM CURRENT AS $make$
        DECLARE
            name text := 'keep_events_of_' || source;
            outbox text := (SELECT format('%I.%I', n.nspname, c.relname)
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.oid = 'event_outbox'::regclass);
            has text[] := ARRAY(SELECT attname FROM pg_attribute
                WHERE attrelid = source AND NOT attisdropped);
            -- Of the row that is called @ here.
            ids text := (
                SELECT string_agg(coalesce('@.' || quote_ident(c), 'NULL'), ', ' ORDER BY i)
                FROM unnest(ARRAY['namespace_id', 'id', bucket_id, collection_id, root_object_id])
                    WITH ORDINALITY AS ids (c, i));
            status text := CASE WHEN 'status' = ANY (has) THEN '@.status' ELSE 'NULL' END;
            -- A long text would go through the outbox and the log; the row has it whole.
            error text := CASE WHEN 'error' = ANY (has) THEN 'left(@.error, 2000)' ELSE 'NULL' END;
            -- The values of an event, in this order.
            event text := format('INSERT INTO %s (namespace_id, node_id, bucket_id, collection_id,
                root_object_id, kind, event, version, previous_status, status, error) SELECT ',
                outbox);
            created text := event || format('%s, %L, ''CREATED'', @.version, NULL, %s, %s',
                ids, kind, status, error);
            deleted text := event || format('%s, %L, ''DELETED'', @.version + 1, %s, NULL, NULL',
                ids, kind, status);
            changed text := event || format('%s, %L,
                CASE WHEN %s IS DISTINCT FROM %s THEN ''STATUS_CHANGED'' ELSE ''UPDATED'' END,
                @.version, %s, %s, %s',
                ids, kind, replace(status, '@', 'OLD'), status, replace(status, '@', 'OLD'), status,
                error);
        BEGIN
            EXECUTE format($format$
                CREATE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql AS $body$
                BEGIN
                    IF TG_OP = 'UPDATE' THEN
                        IF NEW.id = OLD.id AND NEW.namespace_id = OLD.namespace_id THEN
                            %s;
                        ELSE  -- one entity gone and one made
                            %s;
                            %s;
                        END IF;
                    ELSIF TG_OP = 'INSERT' THEN
                        %s FROM new_rows n;
                    ELSE
                        %s FROM old_rows o;
                    END IF;
                    RETURN NULL;
                END $body$
            $format$, name, replace(changed, '@', 'NEW'), replace(deleted, '@', 'OLD'),
                replace(created, '@', 'NEW'), replace(created, '@', 'n'),
                replace(deleted, '@', 'o'));
            EXECUTE format('CREATE TRIGGER keep_events_of_inserted AFTER INSERT ON %s
                REFERENCING NEW TABLE AS new_rows
                FOR EACH STATEMENT EXECUTE FUNCTION %I()', source, name);
            EXECUTE format('CREATE TRIGGER keep_events_of_updated AFTER UPDATE ON %s
                FOR EACH ROW EXECUTE FUNCTION %I()', source, name);
            EXECUTE format('CREATE TRIGGER keep_events_of_deleted AFTER DELETE ON %s
                REFERENCING OLD TABLE AS old_rows
                FOR EACH STATEMENT EXECUTE FUNCTION %I()', source, name);
        END $make$
    """)
    for table in context.script.get_revision(_FIRST).module.TABLES:
        op.execute(f"SELECT keep_no_events_of({table.partition(',')[0]})")
        op.execute(f"SELECT keep_events_of({table})")

    # A plan made anew for each batch took half of a small one.
    op.execute("ALTER FUNCTION sequence_events SET plan_cache_mode = 'force_generic_plan'")


def downgrade() -> None:
    op.execute("ALTER FUNCTION sequence_events RESET plan_cache_mode")
    first = context.script.get_revision(_FIRST).module
    for table in first.TABLES:
        op.execute(f"SELECT keep_no_events_of({table.partition(',')[0]})")
    op.execute("DROP FUNCTION keep_no_events_of, keep_events_of")
    first.watch_tables()

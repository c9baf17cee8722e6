"""Keep the tallies right as objects and documents come and go, whoever writes (decision 0002)."""

from typing import NamedTuple

from alembic import op

revision = "20261121_2306"
down_revision = "20261121_2305"

# Each session adds to rows of its own, under a number it draws. No transaction waits for another
# here, whatever either holds, so none can deadlock: a session's row is taken only if it is free,
# else the change makes a new row; and only free rows are gathered.
#
# Whoever adds to a row walks past all its versions that some old snapshot may still ask for. So a
# session draws a new number after some 128 changes. Who makes a row gathers those that others left,
# one time in eight.
_FUNCTION = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    DECLARE
        spare integer := floor(random() * 2147483647);
        own integer := nullif(current_setting('app.tally_slot', true), '');
        is_new boolean;
    BEGIN
        IF own IS NULL OR random() < 1 / 128.0 THEN
            own := spare;
            PERFORM set_config('app.tally_slot', own::text, false);
        END IF;

        -- Sub-selects in place of EXISTS, which may be planned as a hash of the whole table.
        WITH delta AS MATERIALIZED (
            SELECT d.*,
                (SELECT true FROM {tallies} t
                    WHERE t.namespace_id = d.namespace_id AND t.{subject_id} = d.{subject_id}
                        AND t.slot = own
                    FOR NO KEY UPDATE SKIP LOCKED) AS is_taken,
                (SELECT true FROM {tallies} t
                    WHERE t.namespace_id = d.namespace_id AND t.{subject_id} = d.{subject_id}
                        AND t.slot = own) AS is_there
            FROM ({delta}) d
        ), added AS (
            INSERT INTO {tallies} AS t (namespace_id, {subject_id}, slot, {counts})
            SELECT namespace_id, {subject_id},
                CASE WHEN is_there AND is_taken IS NULL THEN spare ELSE own END, {counts}
            FROM delta
            ORDER BY namespace_id, {subject_id}
            ON CONFLICT (namespace_id, {subject_id}, slot) DO UPDATE SET {merge}
        )
        SELECT bool_or(is_taken IS NULL) INTO is_new FROM delta;

        -- At a higher level a row that changed after the snapshot would fail the whole transaction.
        IF is_new AND random() < 1 / 8.0
            AND current_setting('transaction_isolation') = 'read committed'
        THEN
            WITH free AS (
                SELECT t.place
                FROM ({delta}) d
                CROSS JOIN LATERAL (
                    SELECT t.ctid AS place FROM {tallies} t
                    WHERE t.namespace_id = d.namespace_id AND t.{subject_id} = d.{subject_id}
                        AND t.slot <> own
                    FOR UPDATE SKIP LOCKED
                ) t
            ), gathered AS (
                DELETE FROM {tallies} t USING free WHERE t.ctid = free.place RETURNING t.*
            )
            INSERT INTO {tallies} AS t (namespace_id, {subject_id}, slot, {counts})
            SELECT namespace_id, {subject_id}, spare, {total}
            FROM gathered
            GROUP BY namespace_id, {subject_id}
            ORDER BY namespace_id, {subject_id}
            ON CONFLICT (namespace_id, {subject_id}, slot) DO UPDATE SET {merge};
        END IF;
        RETURN NULL;
    END $$
"""

_OF_BUCKETS = {
    "tallies": "bucket_tallies",
    "subject_id": "bucket_id",
    "counts": "objects, size_bytes, last_upload_at",
    "total": "sum(objects), sum(size_bytes), max(last_upload_at)",
    "merge": """
        objects = t.objects + excluded.objects,
        size_bytes = t.size_bytes + excluded.size_bytes,
        last_upload_at = greatest(t.last_upload_at, excluded.last_upload_at)
    """,
}
_OF_OBJECTS = {
    "tallies": "object_tallies",
    "subject_id": "object_id",
    "counts": "documents",
    "total": "sum(documents)",
    "merge": "documents = t.documents + excluded.documents",
}
_OF_COLLECTIONS = _OF_OBJECTS | {"tallies": "collection_tallies", "subject_id": "collection_id"}


class _Trigger(NamedTuple):
    name: str  # of the function, too
    on: str
    event: str
    tallies: dict[str, str]
    delta: str  # what happened, a row for each subject


_INSERTED = "REFERENCING NEW TABLE AS changed FOR EACH STATEMENT"
_DELETED = "REFERENCING OLD TABLE AS changed FOR EACH STATEMENT"

_TRIGGERS = (
    _Trigger(
        "tally_inserted_objects",
        "objects",
        f"AFTER INSERT ON objects {_INSERTED}",
        _OF_BUCKETS,
        """
        SELECT namespace_id, bucket_id, count(*) AS objects, sum(size_bytes) AS size_bytes,
            max(created_at) AS last_upload_at
        FROM changed GROUP BY namespace_id, bucket_id
        """,
    ),
    # A subject that goes in the same statement takes its tallies along; it must not get a new one.
    _Trigger(
        "tally_deleted_objects",
        "objects",
        f"AFTER DELETE ON objects {_DELETED}",
        _OF_BUCKETS,
        """
        SELECT namespace_id, bucket_id, -count(*) AS objects, -sum(size_bytes) AS size_bytes,
            NULL::timestamptz AS last_upload_at
        FROM changed c GROUP BY namespace_id, bucket_id
        HAVING (SELECT true FROM buckets s
            WHERE s.namespace_id = c.namespace_id AND s.id = c.bucket_id)
        """,
    ),
    # By row: most updates leave the size alone, and those would pay for transition tables as well.
    _Trigger(
        "tally_changed_object",
        "objects",
        """
        AFTER UPDATE OF namespace_id, bucket_id, size_bytes ON objects FOR EACH ROW
        WHEN ((OLD.namespace_id, OLD.bucket_id, OLD.size_bytes)
            IS DISTINCT FROM (NEW.namespace_id, NEW.bucket_id, NEW.size_bytes))
        """,
        _OF_BUCKETS,
        """
        SELECT namespace_id, bucket_id, sum(objects) AS objects, sum(size_bytes) AS size_bytes,
            max(last_upload_at) AS last_upload_at
        FROM (VALUES
            (OLD.namespace_id, OLD.bucket_id, -1, -OLD.size_bytes, NULL),
            (NEW.namespace_id, NEW.bucket_id, 1, NEW.size_bytes, NEW.created_at)
        ) AS changed (namespace_id, bucket_id, objects, size_bytes, last_upload_at)
        GROUP BY namespace_id, bucket_id
        """,
    ),
    _Trigger(
        "tally_inserted_documents_of_objects",
        "documents",
        f"AFTER INSERT ON documents {_INSERTED}",
        _OF_OBJECTS,
        """
        SELECT namespace_id, root_object_id AS object_id, count(*) AS documents
        FROM changed WHERE root_object_id IS NOT NULL GROUP BY namespace_id, root_object_id
        """,
    ),
    _Trigger(
        "tally_deleted_documents_of_objects",
        "documents",
        f"AFTER DELETE ON documents {_DELETED}",
        _OF_OBJECTS,
        """
        SELECT namespace_id, root_object_id AS object_id, -count(*) AS documents
        FROM changed c WHERE root_object_id IS NOT NULL GROUP BY namespace_id, root_object_id
        HAVING (SELECT true FROM objects s
            WHERE s.namespace_id = c.namespace_id AND s.id = c.root_object_id)
        """,
    ),
    _Trigger(
        "tally_inserted_documents_of_collections",
        "documents",
        f"AFTER INSERT ON documents {_INSERTED}",
        _OF_COLLECTIONS,
        """
        SELECT namespace_id, collection_id, count(*) AS documents
        FROM changed GROUP BY namespace_id, collection_id
        """,
    ),
    _Trigger(
        "tally_deleted_documents_of_collections",
        "documents",
        f"AFTER DELETE ON documents {_DELETED}",
        _OF_COLLECTIONS,
        """
        SELECT namespace_id, collection_id, -count(*) AS documents
        FROM changed c GROUP BY namespace_id, collection_id
        HAVING (SELECT true FROM collections s
            WHERE s.namespace_id = c.namespace_id AND s.id = c.collection_id)
        """,
    ),
)


def upgrade() -> None:
    for trigger in _TRIGGERS:
        op.execute(_FUNCTION.format(name=trigger.name, delta=trigger.delta, **trigger.tallies))
        op.execute(
            f"CREATE TRIGGER {trigger.name} {trigger.event} EXECUTE FUNCTION {trigger.name}()"
        )
    # What was there before; the triggers' locks keep writers out until this commits.
    op.execute("""
        INSERT INTO bucket_tallies
            (namespace_id, bucket_id, slot, objects, size_bytes, last_upload_at)
        SELECT namespace_id, bucket_id, 0, count(*), sum(size_bytes), max(created_at)
        FROM objects GROUP BY namespace_id, bucket_id
    """)
    op.execute("""
        INSERT INTO object_tallies (namespace_id, object_id, slot, documents)
        SELECT namespace_id, root_object_id, 0, count(*)
        FROM documents WHERE root_object_id IS NOT NULL GROUP BY namespace_id, root_object_id
    """)
    op.execute("""
        INSERT INTO collection_tallies (namespace_id, collection_id, slot, documents)
        SELECT namespace_id, collection_id, 0, count(*)
        FROM documents GROUP BY namespace_id, collection_id
    """)


def downgrade() -> None:
    for trigger in _TRIGGERS:
        op.execute(f"DROP TRIGGER {trigger.name} ON {trigger.on}")
        op.execute(f"DROP FUNCTION {trigger.name}()")
    op.execute("DELETE FROM bucket_tallies")
    op.execute("DELETE FROM object_tallies")
    op.execute("DELETE FROM collection_tallies")

"""Let a status change only along a legal move; the list here is that of ``gateway/status.py``."""

import sqlalchemy as sa
from alembic import op

revision = "20261121_2307"
down_revision = "20261121_2306"

_ENDS = ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELED", "SKIPPED")
_ENDS_BEFORE_WORK = ("FAILED", "CANCELED", "SKIPPED")
_RUN: dict[str, tuple[str, ...]] = {
    "DRAFT": ("PENDING", "QUEUED"),
    "PENDING": ("QUEUED", "IN_PROGRESS", "PROCESSING", *_ENDS_BEFORE_WORK),
    "QUEUED": ("IN_PROGRESS", "PROCESSING", *_ENDS_BEFORE_WORK),
    "IN_PROGRESS": ("PROCESSING", "UNKNOWN", *_ENDS),
    "PROCESSING": ("UNKNOWN", *_ENDS),
    "UNKNOWN": ("IN_PROGRESS", "PROCESSING", *_ENDS),
    **dict.fromkeys(_ENDS, ("QUEUED",)),
}
_MOVES: dict[str, dict[str, tuple[str, ...]]] = {
    "BUCKET": {
        "ACTIVE": ("ARCHIVED", "SUSPENDED", "IN_PROGRESS"),
        "ARCHIVED": ("ACTIVE", "SUSPENDED", "IN_PROGRESS"),
        "SUSPENDED": ("ACTIVE", "ARCHIVED", "IN_PROGRESS"),
    },
    "OBJECT": _RUN,
    "DOCUMENT": _RUN,
}
_TABLES = {"BUCKET": "buckets", "OBJECT": "objects", "DOCUMENT": "documents"}


def upgrade() -> None:
    op.execute("""
        CREATE TABLE status_transitions (
            kind text NOT NULL,
            from_status text NOT NULL,
            to_status text NOT NULL,
            CONSTRAINT pk_status_transitions PRIMARY KEY (kind, from_status, to_status)
        )
    """)
    op.bulk_insert(
        sa.table(
            "status_transitions",
            sa.column("kind", sa.Text),
            sa.column("from_status", sa.Text),
            sa.column("to_status", sa.Text),
        ),
        [
            {"kind": kind, "from_status": start, "to_status": end}
            for kind, moves in _MOVES.items()
            for start, ends in moves.items()
            for end in ends
        ],
    )
    op.execute("""
        CREATE FUNCTION refuse_status_move() RETURNS trigger
        LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        DECLARE
            moves text;
        BEGIN
            IF EXISTS (
                SELECT FROM status_transitions
                WHERE kind = TG_ARGV[0] AND from_status = OLD.status AND to_status = NEW.status
            ) THEN
                RETURN NEW;
            END IF;
            SELECT string_agg(to_status, ', ' ORDER BY to_status) INTO moves
            FROM status_transitions WHERE kind = TG_ARGV[0] AND from_status = OLD.status;
            RAISE EXCEPTION USING
                ERRCODE = 'check_violation',
                MESSAGE = format('the status of %s %s cannot go from %s to %s',
                    lower(TG_ARGV[0]), OLD.id, OLD.status, NEW.status),
                DETAIL = 'From ' || OLD.status || ' it can go to: ' || coalesce(moves, 'none'),
                CONSTRAINT = 'ck_' || TG_TABLE_NAME || '_status_move',
                TABLE = TG_TABLE_NAME,
                SCHEMA = TG_TABLE_SCHEMA;
        END $$
    """)
    for kind, table in _TABLES.items():
        op.execute(f"""
            CREATE TRIGGER refuse_status_move BEFORE UPDATE OF status ON {table} FOR EACH ROW
            WHEN (OLD.status IS DISTINCT FROM NEW.status)
            EXECUTE FUNCTION refuse_status_move('{kind}')
        """)


def downgrade() -> None:
    for table in _TABLES.values():
        op.execute(f"DROP TRIGGER refuse_status_move ON {table}")
    op.execute("DROP FUNCTION refuse_status_move()")
    op.execute("DROP TABLE status_transitions")

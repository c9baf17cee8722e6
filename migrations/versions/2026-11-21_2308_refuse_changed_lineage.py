"""Let no update touch where a document came from, so that no cycle can arise."""

from alembic import op

revision = "20261121_2308"
down_revision = "20261121_2307"

_COLUMNS = (
    "collection_id",
    "root_object_id",
    "root_bucket_id",
    "source_type",
    "source_collection_id",
    "source_document_id",
    "source_object_id",
    "lineage_path",
    "lineage_chain",
)


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION refuse_changed_lineage() RETURNS trigger
        LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        BEGIN
            RAISE EXCEPTION USING
                ERRCODE = 'check_violation',
                MESSAGE = format('the lineage of document %s cannot change', OLD.id),
                CONSTRAINT = 'ck_documents_lineage_immutable',
                TABLE = TG_TABLE_NAME,
                SCHEMA = TG_TABLE_SCHEMA;
        END $$
    """)
    old = ", ".join(f"OLD.{column}" for column in _COLUMNS)
    new = ", ".join(f"NEW.{column}" for column in _COLUMNS)
    op.execute(f"""
        CREATE TRIGGER refuse_changed_lineage
        BEFORE UPDATE OF {", ".join(_COLUMNS)} ON documents FOR EACH ROW
        WHEN (({old}) IS DISTINCT FROM ({new}))
        EXECUTE FUNCTION refuse_changed_lineage()
    """)


def downgrade() -> None:
    op.execute("DROP TRIGGER refuse_changed_lineage ON documents")
    op.execute("DROP FUNCTION refuse_changed_lineage()")

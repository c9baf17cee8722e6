"""Find the events of a node by its id before its namespace (decision 0012)."""

from alembic import op

revision = "20261122_0340"
down_revision = "20261122_0330"


def upgrade() -> None:
    # New entities come at one place of the index, as their ids begin with the time, and where they
    # are compared their ids differ. By namespace first each event took a sixth more of a batch.
    op.execute("DROP INDEX ix_event_log_namespace_id_node_id_seq")
    op.execute("""
        CREATE INDEX ix_event_log_node_id_namespace_id_seq ON event_log (node_id, namespace_id, seq)
    """)


def downgrade() -> None:
    op.execute("DROP INDEX ix_event_log_node_id_namespace_id_seq")
    op.execute("""
        CREATE INDEX ix_event_log_namespace_id_node_id_seq ON event_log (namespace_id, node_id, seq)
    """)

"""Share the rates of API keys between gateways.

The table is written several times a second and worth nothing after a crash, so it is not logged.
It has a row for each key that was used much, and there are no more than keys.
"""

from alembic import op

revision = "20261122_0310"
down_revision = "20261122_0300"


def upgrade() -> None:
    op.execute("""
        CREATE UNLOGGED TABLE key_rates (
            key_id text COLLATE "C" NOT NULL,
            full_at timestamptz NOT NULL,
            CONSTRAINT pk_key_rates PRIMARY KEY (key_id)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE key_rates")

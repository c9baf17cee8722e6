"""Remember the URL that named the bytes of a blob."""

from alembic import op

revision = "20261122_0160"
down_revision = "20261122_0150"


def upgrade() -> None:
    op.execute("ALTER TABLE blobs ADD COLUMN source_url text")


def downgrade() -> None:
    op.execute("ALTER TABLE blobs DROP COLUMN source_url")

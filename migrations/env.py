"""How alembic runs the migrations: on the connection that ``gateway.database.migrate`` opens."""

from alembic import context
from sqlalchemy import Connection, text

connection: Connection = context.config.attributes["connection"]
# Fail fast: whoever comes later queues behind a migration that waits for a table.
connection.execute(text("SET lock_timeout = '5s'"))
connection.commit()  # alembic commits nothing in a transaction that it did not begin

context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()

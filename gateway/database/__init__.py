"""PostgreSQL: tables' base, connections, transactions, ids; and a private server."""

"""GraphQL over SSE, each operation on a connection of its own, for clients without websockets."""

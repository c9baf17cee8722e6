"""npm's graphql-ws as a contender."""

from pathlib import Path

SERVER = Path(__file__).parent / "server.mjs"

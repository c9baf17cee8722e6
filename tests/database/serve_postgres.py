"""A gateway as far as these tests need one: python serve_postgres.py STATE [PROGRAMS].

Tells on standard output where its server is, or why there is none; ends with standard input.
"""

import sys

from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.state import CannotStart, open_state

folder, programs = (*sys.argv[1:], "")[:2]
try:
    with (
        open_state(folder) as state,
        open_postgres(state, postgres_bin=programs, settings=TESTING) as server,
    ):
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
except CannotStart as reason:
    sys.stdout.write(f"{reason}\n")

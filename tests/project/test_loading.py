"""What a gateway loads as it starts: no package for what it is not asked for."""

from __future__ import annotations

import subprocess
import sys

import dev

# Each takes some MB: for S3, for a broker, for traces, for tables that are not there yet, for the
# cursors of subscribers.
RARE = {"botocore", "nats", "opentelemetry", "alembic", "cryptography"}


def test_loads_no_package_that_may_not_be_needed() -> None:
    script = "import sys, gateway.commands.serve, gateway.schema as it; it.make_schema()\n"
    command = [sys.executable, "-c", f"{script}print(*sys.modules)"]

    answer = subprocess.run(command, cwd=dev.ROOT, capture_output=True, text=True, check=True)

    assert "strawberry" in answer.stdout.split()
    assert not RARE & set(answer.stdout.split())

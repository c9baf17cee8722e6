"""Turns the database's refusals into failures that callers understand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from gateway.errors import GatewayError


@contextmanager
def on_violation(**failures: GatewayError) -> Iterator[None]:
    """Raise the failure that is filed under the name of the violated constraint.

    A constraint without an entry here is a bug of ours, so its error passes unchanged.
    """
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        failure = failures.get(error.constraint_name or "")
        if failure is None:
            raise
        raise failure from error

"""What is being answered: by these notes logs, metrics and traces know what they tell of."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from typing import Any

from gateway.errors import Unexpected

# In place of an operation's name; none of them is a name in GraphQL.
NO_OPERATION = "(none)"  # the request does not come so far
ANONYMOUS = "(anonymous)"

OK = "ok"

_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
# An id has to be new, not secret.
_bits = random.Random().getrandbits  # noqa: S311


class Notes:
    """Of one request by HTTP, or of one operation on a socket.

    Args:
        request_id: What the client calls it; one that is no id, or None, is replaced.
    """

    __slots__ = (
        "cost",
        "is_over",
        "kind",
        "made",
        "operation",
        "outcome",
        "request_id",
        "span",
        "started_at",
        "trace",
    )

    def __init__(self, request_id: str | None = None) -> None:
        if request_id is None or _SANE.fullmatch(request_id) is None:
            request_id = _bits(128).to_bytes(16).hex()
        self.request_id = request_id
        self.operation = NO_OPERATION
        self.kind = ""
        self.cost: Callable[[], int] | None = None  # told only to those who ask
        self.is_over = False
        self.outcome = OK
        self.made = ""  # of what is otherwise found in a cache
        self.trace: tuple[str, str] | None = None  # and span, as hex
        self.span: Any = None  # see `tracing`; None where there is none
        self.started_at = perf_counter()


_current: ContextVar[Notes | None] = ContextVar("notes", default=None)

current = _current.get


def request_id() -> str:
    """Return the id of what is being answered; nothing but a request has one."""
    notes = current()
    return notes.request_id if notes else ""


def of_operation(name: str, kind: str, cost: Callable[[], int]) -> None:
    """Note which operation is asked for; only one that a valid document has.

    Args:
        kind: query, mutation or subscription.
        cost: Tells its price.
    """
    if notes := current():
        notes.operation = name
        notes.kind = kind
        notes.cost = cost


def made(what: str) -> None:
    """Note that a document or a plan was in no cache."""
    if notes := current():
        notes.made += what


def failed(code: str) -> None:
    """Note the code of an error: the first is the outcome, or else that of a fault of ours."""
    notes = current()
    if notes and (notes.outcome is OK or code == Unexpected.code):
        notes.outcome = code


def begin(request_id: str | None = None) -> Notes:
    """Begin the notes of what this task answers from now on, and the tasks that it makes."""
    notes = Notes(request_id)
    _current.set(notes)
    return notes

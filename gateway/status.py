"""Which moves of status are legal, as data.

The database enforces them; its table ``status_transitions`` holds the same moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.enums import EntityKind, Status

_BUCKET = {
    Status.ACTIVE: (Status.ARCHIVED, Status.SUSPENDED, Status.IN_PROGRESS),
    Status.ARCHIVED: (Status.ACTIVE, Status.SUSPENDED, Status.IN_PROGRESS),
    Status.SUSPENDED: (Status.ACTIVE, Status.ARCHIVED, Status.IN_PROGRESS),
    # Being deleted; there is no way back.
    Status.IN_PROGRESS: (),
}

_ENDS = (
    Status.COMPLETED,
    Status.COMPLETED_WITH_ERRORS,
    Status.FAILED,
    Status.CANCELED,
    Status.SKIPPED,
)
# Nobody works on what has one of these: it waits for a batch, or has come to its end.
AT_REST = frozenset({Status.DRAFT, *_ENDS})
# A run that has started nothing yet can refuse the work, never complete it.
_ENDS_BEFORE_WORK = (Status.CANCELED, Status.SKIPPED, Status.FAILED)

_RUN = {
    Status.DRAFT: (Status.PENDING, Status.QUEUED),
    Status.PENDING: (Status.QUEUED, Status.IN_PROGRESS, Status.PROCESSING, *_ENDS_BEFORE_WORK),
    Status.QUEUED: (Status.IN_PROGRESS, Status.PROCESSING, *_ENDS_BEFORE_WORK),
    Status.IN_PROGRESS: (Status.PROCESSING, Status.UNKNOWN, *_ENDS),
    Status.PROCESSING: (Status.UNKNOWN, *_ENDS),
    # The engine may come back with news.
    Status.UNKNOWN: (Status.IN_PROGRESS, Status.PROCESSING, *_ENDS),
    # An end is left only for a new batch or a retry.
    **dict.fromkeys(_ENDS, (Status.QUEUED,)),
}

_UPLOAD = {
    Status.PENDING: (Status.COMPLETED, Status.FAILED, Status.CANCELED),
    Status.COMPLETED: (),
    Status.FAILED: (),
    Status.CANCELED: (),
}

# Where work comes to its end; only a new batch or a retry goes on from there.
ENDS: Mapping[EntityKind, frozenset[Status]] = MappingProxyType(
    {
        EntityKind.OBJECT: frozenset(_ENDS),
        EntityKind.DOCUMENT: frozenset(_ENDS),
        EntityKind.UPLOAD: frozenset(_UPLOAD[Status.PENDING]),
    }
)

TRANSITIONS: Mapping[EntityKind, Mapping[Status, tuple[Status, ...]]] = MappingProxyType(
    {
        EntityKind.BUCKET: MappingProxyType(_BUCKET),
        EntityKind.OBJECT: MappingProxyType(_RUN),
        EntityKind.DOCUMENT: MappingProxyType(_RUN),
        EntityKind.UPLOAD: MappingProxyType(_UPLOAD),
    }
)

"""Which events a subscriber wants: as clients say it, in Python, and in the log's statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import strawberry
from strawberry import UNSET

from gateway.enums import EntityKind, EventKind
from gateway.errors import BadUserInput
from gateway.planner.filter_inputs import StatusFilter

MOST_IDS = 1000


@strawberry.input(description="Which events; all that is given has to hold.")
class StatusEventFilter:
    kinds: list[EntityKind] | None = strawberry.field(
        default=UNSET, description="Of one of these kinds of things."
    )
    events: list[EventKind] | None = strawberry.field(
        default=UNSET, description="Of one of these kinds of events."
    )
    bucket_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET,
        description=f"Of these buckets, what is in them and what comes of it; at most {MOST_IDS}.",
    )
    collection_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET,
        description=f"Of these collections and what is in them; at most {MOST_IDS}.",
    )
    node_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description=f"Of these things; at most {MOST_IDS}."
    )
    root_object_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="Of this object and all that comes of it."
    )
    status: StatusFilter | None = strawberry.field(
        default=UNSET,
        description="With such a status from then on. What has none is like no status at all: it"
        " fits `ne` and `nin`.",
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a namespace; of each attribute the values that fit, None where any does.

    Args:
        barred: The statuses that do not fit.
    """

    kind: frozenset[str] | None = None
    event: frozenset[str] | None = None
    bucket_id: frozenset[str] | None = None
    collection_id: frozenset[str] | None = None
    node_id: frozenset[str] | None = None
    root_object_id: frozenset[str] | None = None
    status: frozenset[str] | None = None
    barred: frozenset[str] = frozenset()

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Wanted:
        """Return what a filter says, given by the names clients use.

        Raises:
            BadUserInput: a list is too long, a value is null, which says nothing, or it has a
                character that PostgreSQL cannot take.
        """
        if not given:
            return cls()
        status = _given(given, "status") or {}
        fitting = [_set(status, each) for each in ("in", "eq") if each in status]
        barred = [_set(status, each) for each in ("nin", "ne") if each in status]
        return cls(
            kind=_set(given, "kinds"),
            event=_set(given, "events"),
            bucket_id=_set(given, "bucketIds"),
            collection_id=_set(given, "collectionIds"),
            node_id=_set(given, "nodeIds"),
            root_object_id=_set(given, "rootObjectId"),
            status=frozenset.intersection(*fitting) if fitting else None,
            barred=frozenset().union(*barred),
        )

    def test(self) -> Callable[[Any], bool]:
        """Return what tells whether an event fits."""
        checks = [
            (attrgetter(name), values)
            for name in _ATTRIBUTES
            if (values := getattr(self, name)) is not None
        ]
        barred = self.barred

        def fits(event: Any) -> bool:
            return all(get(event) in values for get, values in checks) and (
                event.status not in barred
            )

        return fits

    def parameters(self) -> dict[str, list[str] | None]:
        """Return the values of the parameters of the log's statements."""
        values = {name: getattr(self, name) for name in _ATTRIBUTES}
        named = {name: None if each is None else sorted(each) for name, each in values.items()}
        return named | {"barred": sorted(self.barred) or None}


_ATTRIBUTES = (
    "kind",
    "event",
    "bucket_id",
    "collection_id",
    "node_id",
    "root_object_id",
    "status",
)


def _set(given: Mapping[str, Any], name: str) -> Any:
    """Return the values that a filter names, as texts; None if it says nothing of them."""
    if name not in given:
        return None
    value = _given(given, name)
    values = value if isinstance(value, list) else [value]
    if len(values) > MOST_IDS:
        raise BadUserInput(f"{name} in filter has {len(values)} items; the most is {MOST_IDS}")
    texts = frozenset(map(str, values))
    if any("\0" in each for each in texts):
        raise BadUserInput(f"{name} in filter has a NUL character (U+0000), which no id has")
    return texts


def _given(given: Mapping[str, Any], name: str) -> Any:
    value = given.get(name)
    if value is None and name in given:
        raise BadUserInput(f"{name} in filter is null, which says nothing; leave it out")
    return value

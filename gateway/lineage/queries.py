"""Root fields over everything that has an id, and over lineage."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from gateway.database.ids import prefix_of
from gateway.enums import Permission
from gateway.errors import BadUserInput
from gateway.lineage.graph import (
    LineageDirection,
    lineage_arguments,
    lineage_query,
    lineage_sizing,
)
from gateway.lineage.types import LineageGraph
from gateway.planner.declare import Argument, derived, sized_by
from gateway.planner.node import Node
from gateway.planner.rows import listed, row

MOST_IDS = 1000


def _may_see(info: Info, id_: str) -> bool:
    """Keys are for those who manage them; the own one is in `viewer`."""
    return prefix_of(id_) != "key" or info.context.caller.holds(Permission.ADMIN)


@strawberry.type
class LineageQueries:
    lineage: LineageGraph = derived(
        lineage_query(LineageDirection.BOTH, 1000),
        sizing=lineage_sizing(1000),
        arguments={
            "id": Argument(strawberry.ID, strawberry.UNSET, "An object or a document."),
            **lineage_arguments(LineageDirection.BOTH, 1000),
            "direction": Argument(LineageDirection, LineageDirection.BOTH, "Which way to go."),
        },
        description="Everything above and below an object or a document, in one call.",
    )

    @strawberry.field(description="Anything by its id; null for one that is not here.")
    def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Node | None:
        found: Node | None = row(id=id) if _may_see(info, id) else None
        return found

    @strawberry.field(
        description=f"One entry per id, in their order; null for one that is not here."
        f" At most {MOST_IDS} ids.",
        metadata=sized_by("ids", most=MOST_IDS),
    )
    def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their ids.")],
    ) -> list[Node | None]:
        if len(ids) > MOST_IDS:
            raise BadUserInput(f"ids has {len(ids)} entries; the most is {MOST_IDS}")
        found: list[Node | None] = listed([id_ if _may_see(info, id_) else "" for id_ in ids])
        return found

"""Root fields about the caller."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from gateway.namespaces.types import Viewer
from gateway.planner.rows import row


@strawberry.type
class NamespaceQueries:
    @strawberry.field(description="Who is asking: the key and the namespace of this request.")
    def viewer(self, info: Info) -> Viewer:
        viewer: Viewer = row(id=info.context.caller.key_id)
        return viewer

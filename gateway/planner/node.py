"""The interface of everything that has an id, and the page of a connection."""

from __future__ import annotations

import strawberry

from gateway.enums import Status


@strawberry.interface(description="Anything with an id of its own; `node(id:)` finds it.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="The prefixed id, unique across the whole service."
    )


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether rows follow the page's last.")
    has_previous_page: bool = strawberry.field(
        description="Whether rows stand before the page's first."
    )
    start_cursor: str | None = strawberry.field(
        description="Of the first row; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="Of the last row: pass it as `after` for the next page; null on an empty page."
    )


@strawberry.type(description="How many rows of a list have a status.")
class StatusCount:
    status: Status = strawberry.field(description="The status.")
    count: int = strawberry.field(description="How many have it.")

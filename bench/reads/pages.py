"""What page 1,000 of a list costs beside page 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import click
import orjson

from bench.reads.contenders import Gateway, ask
from bench.reads.dataset import NAMESPACE
from bench.reads.load import Request, http_request
from bench.reads.measure import Side

PAGE = 1_000
FIRST, LATE = "page 1", f"page {PAGE:,}"
_MOST = 1_000  # that the gateway gives at once

_TEXT = """
query ($id: ID!, $first: Int, $after: String) {
  node(id: $id) {
    ... on %s {
      list: %s(first: $first, after: $after%s) {
        nodes {
          id
          status
          metadata
          createdAt
        }
        pageInfo {
          endCursor
        }
      }
    }
  }
}
"""
# The collection with the most documents, 22,000 of them; any bucket: all have 1,000 objects.
_COLLECTION = """
    SELECT d.collection_id FROM documents d JOIN namespaces n ON n.id = d.namespace_id
    WHERE n.namespace_name = $1 GROUP BY d.collection_id ORDER BY count(*) DESC LIMIT 1
"""
_BUCKET = """
    SELECT o.bucket_id FROM objects o JOIN namespaces n ON n.id = o.namespace_id
    WHERE n.namespace_name = $1 LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Pages:
    """A list that is read by pages.

    Args:
        holder: Type of what holds the list.
        find_holder: Finds its id by the namespace's name.
        size: Of a page; the list has to have `PAGE` of them.
    """

    holder: str
    find_holder: str
    field: str
    size: int
    order: str = ""

    @property
    def text(self) -> str:
        """The GraphQL document."""
        return _TEXT % (self.holder, self.field, self.order)


def _orders(holder: str, find_holder: str, field: str, size: int, path: str) -> dict[str, Pages]:
    orders = {
        "id": "",
        "createdAt": ", orderBy: {field: CREATED_AT}",
        f"metadata.{path}": f', orderBy: {{field: METADATA, metadataPath: "{path}"}}',
    }
    return {
        f"{field} by {name}": Pages(holder, find_holder, field, size, order)
        for name, order in orders.items()
    }


PAGES = {
    **_orders("Collection", _COLLECTION, "documents", 20, "label"),
    **_orders("Bucket", _BUCKET, "objects", 1, "number"),
}


async def sides(
    pages: Pages, gateway: Gateway, connection: asyncpg.Connection, *, late: int = PAGE
) -> dict[str, Side]:
    """Return the two pages of a list as what takes turns.

    Args:
        late: Number of the second; the first is 1.

    Raises:
        ClickException: The list is too short, or the gateway fails.
    """
    holder_id = await connection.fetchval(pages.find_holder, NAMESPACE)
    before = (late - 1) * pages.size
    cursor = None
    while before:
        step = min(_MOST, before)
        cursor = _page(gateway, _request(gateway, pages, holder_id, step, cursor), step)
        before -= step
    return {
        name: _side(gateway, _request(gateway, pages, holder_id, pages.size, after), pages.size)
        for name, after in ((FIRST, None), (LATE, cursor))
    }


def _side(gateway: Gateway, request: bytes, size: int) -> Side:
    _page(gateway, request, size)
    asked = Request(request, len(ask(gateway, request)))
    return Side(gateway.port, gateway.pid, gateway.warm_up_s, [asked])


def _page(gateway: Gateway, request: bytes, size: int) -> str:
    """Return the cursor at the end of a page, which has to be full."""
    answer: dict[str, Any] = orjson.loads(ask(gateway, request))
    if "errors" in answer:
        raise click.ClickException(f"the gateway gives no page: {answer['errors']}")
    page = answer["data"]["node"]["list"]
    if len(page["nodes"]) != size:
        raise click.ClickException("the list is too short for a late page")
    cursor: str = page["pageInfo"]["endCursor"]
    return cursor


def _request(
    gateway: Gateway, pages: Pages, holder_id: str, first: int, after: str | None
) -> bytes:
    variables = {"id": holder_id, "first": first, "after": after}
    body = orjson.dumps({"query": pages.text, "variables": variables})
    return http_request(gateway.port, "/graphql", gateway.headers, body)

"""What a watch asks of a gateway besides events."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from gateway.enums import EntityKind, Status
from gateway.status import ENDS
from gateway.watching.following import FollowedGateway

_PAGE = 1000

_CURSOR = "query { viewer { eventCursor } }"
_COUNT = """
query ($id: ID!) {
  bucket(id: $id) {
    status
    objects(first: 0) { statusCounts { status count } }
    documents(first: 0) { statusCounts { status count } }
  }
}
"""
_COUNT_ALL = """
query ($first: Int!, $after: String) {
  buckets(first: $first, after: $after) {
    nodes {
      objects(first: 0) { statusCounts { status count } }
      documents(first: 0) { statusCounts { status count } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
_LIST_BUCKETS = """
query ($first: Int!, $after: String) {
  buckets(first: $first, after: $after) {
    nodes { id }
    pageInfo { hasNextPage endCursor }
  }
}
"""
_LIST_UNFINISHED = """
query ($id: ID!, $first: Int!, $after: String, $ends: [Status!]!) {
  bucket(id: $id) {
    page: %s(first: $first, after: $after, filter: {status: {nin: $ends}}) {
      nodes { id version }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
_LISTS = {EntityKind.OBJECT: "objects", EntityKind.DOCUMENT: "documents"}
_SMALL_PAGE = 100  # of buckets whose statuses are counted


class Counts(NamedTuple):
    """How many objects and documents there are in each status."""

    objects: Counter[str]
    documents: Counter[str]

    def total(self) -> Counter[str]:
        """Return how many of both there are."""
        return self.objects + self.documents

    def add(self, bucket: Mapping[str, Any]) -> None:
        """Count what is in one more bucket."""
        for counter, name in ((self.objects, "objects"), (self.documents, "documents")):
            for each in bucket[name]["statusCounts"]:
                counter[each["status"]] += each["count"]


class WatchedGateway(FollowedGateway):
    """A gateway of which a bucket is watched, or a whole namespace."""

    async def read_cursor(self) -> str:
        """Return from where to follow, so that nothing is missed that happens from now on."""
        cursor: str = (await self.execute(_CURSOR, {}))["viewer"]["eventCursor"]
        return cursor

    async def count(self, bucket_id: str | None) -> Counts | None:
        """Return what is in a bucket, or in all; None for a bucket that is gone, or going."""
        counts = Counts(Counter(), Counter())
        if bucket_id is None:
            async for each in self._pages(_COUNT_ALL, "buckets", first=_SMALL_PAGE):
                counts.add(each)
            return counts
        bucket = (await self.execute(_COUNT, {"id": bucket_id}))["bucket"]
        if bucket is None or bucket["status"] == Status.IN_PROGRESS:
            return None
        counts.add(bucket)
        return counts

    async def unfinished(self, bucket_id: str | None) -> AsyncIterator[tuple[str, int]]:
        """Yield id and version of each object and document that has not come to an end."""
        if bucket_id is None:
            buckets = [each["id"] async for each in self._pages(_LIST_BUCKETS, "buckets")]
        else:
            buckets = [bucket_id]
        for id in buckets:
            for kind, name in _LISTS.items():
                ends = sorted(ENDS[kind])
                pages = self._pages(_LIST_UNFINISHED % name, "bucket", "page", id=id, ends=ends)
                async for each in pages:
                    yield each["id"], each["version"]

    async def _pages(
        self, text: str, *path: str, first: int = _PAGE, **variables: Any
    ) -> AsyncIterator[dict[str, Any]]:
        after = None
        while True:
            page: Any = await self.execute(text, {**variables, "first": first, "after": after})
            for name in path:
                page = page[name]
                if page is None:
                    return  # it has been deleted meanwhile
            for each in page["nodes"]:
                yield each
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return

"""Objects as they are to be kept, changed in memory before anything of it is written."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.buckets.bucket_schema import BucketSchema
from gateway.database.arrays import columns_of
from gateway.errors import TooLarge
from gateway.limits import Limits
from gateway.objects.new_blobs import NewBlob, content_hash
from gateway.objects.patching import check_fits
from gateway.objects.tables import BlobRow
from gateway.patching import patched_metadata

Columns = dict[str, Any]

# The columns of a blob that are its own, besides those that say of which object it is.
OWN_OF_BLOB = columns_of(
    BlobRow.id,
    BlobRow.position,
    BlobRow.property,
    BlobRow.type,
    BlobRow.key_prefix,
    BlobRow.properties,
    BlobRow.filename,
    BlobRow.size_bytes,
    BlobRow.mime_type,
    BlobRow.hash,
    BlobRow.has_bytes,
    BlobRow.source_url,
)


class Holders:
    """Which blobs of a bucket have a content, where somebody asks for it."""

    def __init__(self) -> None:
        self._ids: defaultdict[tuple[str, str | None], dict[str, None]] = defaultdict(dict)

    def add(self, bucket_id: str, hash: str | None, blob_id: str) -> None:
        """Say that a blob has a content now."""
        self._ids[bucket_id, hash][blob_id] = None

    def remove(self, bucket_id: str, hash: str | None, blob_id: str) -> None:
        """Say that it has it no more."""
        self._ids[bucket_id, hash].pop(blob_id, None)

    def first(self, bucket_id: str, hash: str | None) -> str | None:
        """Return the blob that has had a content for longest."""
        if hash is None:  # of bytes that stay elsewhere nobody knows what they are
            return None
        return next(iter(self._ids[bucket_id, hash]), None)


@dataclass(slots=True, kw_only=True)
class Draft:
    """An object as it is to be kept.

    Args:
        blobs: In their order; each has the columns of its row.
        stored, stored_blobs: What the database has, of blobs by their ids.
    """

    id: str
    bucket_id: str
    unique_key: str | None
    key_prefix: str | None
    metadata: dict[str, Any]
    skip_duplicates: bool
    version: int = 1
    content_hash: str | None = None
    size_bytes: int = 0
    blobs: list[Columns] = field(default_factory=list)
    stored: Columns = field(default_factory=dict)
    stored_blobs: dict[str, Columns] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of its row."""
        return {
            "id": self.id,
            "bucket_id": self.bucket_id,
            "unique_key": self.unique_key,
            "key_prefix": self.key_prefix,
            "metadata": self.metadata,
            "skip_duplicates": self.skip_duplicates,
            "version": self.version,
            "content_hash": self.content_hash,
            "size_bytes": self.size_bytes,
        }

    def put(self, blobs: Sequence[NewBlob], holders: Holders, *, skips: bool) -> list[str]:
        """Put in the first blobs; return the ids of those instead of which nothing was made."""
        changed, skipped = _replaced([], blobs, self.bucket_id, holders, skips=skips)
        self._set_blobs(changed)
        return skipped

    def change(
        self,
        *,
        key_prefix: str | None,
        metadata: dict[str, Any],
        blobs: Sequence[NewBlob],
        skip_duplicates: bool,
        schema: BucketSchema,
        limits: Limits,
        holders: Holders,
    ) -> list[str]:
        """Change the object by an input that names it; return the ids of skipped blobs' holders.

        Its metadata is merged (RFC 7396). The blobs of a property take the place of those that the
        object has of it, one by one, and keep their ids; a skipped one leaves what is there.

        Raises:
            SchemaMismatch: The result does not fit the bucket's schema.
            TooLarge: The result is beyond a limit.
            Refused: Several of these.
        """
        merged = patched_metadata(self.metadata, metadata, most_bytes=limits.metadata_bytes)
        given = {blob.property for blob in blobs}
        here = {blob["property"] for blob in self.blobs}
        check_fits(schema, before=self.metadata, after=merged, blobs=here | given)
        count = sum(blob["property"] not in given for blob in self.blobs) + len(blobs)
        if count > limits.blobs_per_object:
            raise TooLarge(
                f"the object would have {count} blobs; the most is {limits.blobs_per_object}",
                ("blobs",),
            )

        before = self._marks()
        changed, skipped = _replaced(
            self.blobs, blobs, self.bucket_id, holders, skips=skip_duplicates
        )
        self._set_blobs(changed)
        self.metadata = merged
        self.key_prefix = self.key_prefix if key_prefix is None else key_prefix
        self.skip_duplicates = skip_duplicates
        # An input that changes nothing leaves the version alone.
        self.version += self._marks() != before
        return skipped

    def is_changed(self) -> bool:
        """Tell whether its row is to be written again."""
        return _text(self.columns) != _text(self.stored)

    def added_blobs(self) -> list[Columns]:
        """Return the rows of blobs that are not there yet."""
        return [self._of_this(blob) for blob in self.blobs if blob["id"] not in self.stored_blobs]

    def changed_blobs(self) -> list[Columns]:
        """Return the rows of blobs that are to be written again."""
        return [
            self._of_this(blob)
            for blob in self.blobs
            if (old := self.stored_blobs.get(blob["id"])) and _text(old) != _text(blob)
        ]

    def written_blobs(self) -> list[Columns]:
        """Return the blobs that are added or changed."""
        return self.added_blobs() + self.changed_blobs()

    def lost_blobs(self) -> list[Columns]:
        """Return the blobs that it has no more."""
        kept = {blob["id"] for blob in self.blobs}
        return [blob for id, blob in self.stored_blobs.items() if id not in kept]

    def _of_this(self, blob: Columns) -> Columns:
        return blob | {"object_id": self.id, "bucket_id": self.bucket_id}

    def _set_blobs(self, blobs: list[Columns]) -> None:
        self.blobs = blobs
        self.content_hash = content_hash(blob["hash"] for blob in blobs)
        self.size_bytes = sum(blob["size_bytes"] or 0 for blob in blobs)

    def _marks(self) -> bytes:
        return _text([self.key_prefix, self.skip_duplicates, self.metadata, self.blobs])


def blob_columns(blob: NewBlob, position: int) -> Columns:
    """Return what ``OWN_OF_BLOB`` names of a new blob."""
    content = blob.content
    return {
        "id": blob.id,
        "position": position,
        "property": blob.property,
        "type": blob.type,
        "key_prefix": blob.key_prefix,
        "properties": blob.properties,
        "filename": content.filename,
        "size_bytes": content.size_bytes,
        "mime_type": content.mime_type,
        "hash": content.hash,
        "has_bytes": content.has_bytes,
        "source_url": None if content.source is None else content.source.url,
    }


def _replaced(
    old: Sequence[Columns],
    new: Sequence[NewBlob],
    bucket_id: str,
    holders: Holders,
    *,
    skips: bool,
) -> tuple[list[Columns], list[str]]:
    """Return blobs with new ones in the place of others, and the holders of those skipped."""
    given = {blob.property for blob in new}
    result = [blob for blob in old if blob["property"] not in given]
    places: defaultdict[str, deque[Columns]] = defaultdict(deque)
    for blob in old:
        if blob["property"] in given:
            places[blob["property"]].append(blob)
            # What it has goes with it, unless it turns out to stay.
            holders.remove(bucket_id, blob["hash"], blob["id"])
    position = max((blob["position"] for blob in old), default=-1)
    skipped = []
    for each in new:
        place = places[each.property].popleft() if places[each.property] else None
        content = each.content.hash
        if place and content is not None and place["hash"] == content:
            holder: str | None = place["id"]
        else:
            holder = holders.first(bucket_id, content)
        if skips and holder is not None:
            skipped.append(holder)
            kept = place
        elif place is not None:
            kept = blob_columns(each, place["position"]) | {"id": place["id"]}
        else:
            position += 1
            kept = blob_columns(each, position)
        if kept is not None:
            holders.add(bucket_id, kept["hash"], kept["id"])
            result.append(kept)
    return sorted(result, key=lambda blob: blob["position"]), skipped


def _text(value: Any) -> bytes:
    """Return what tells values apart that Python takes for equal, as it does true and 1."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

"""Which blobs of its root object a document is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gateway.documents.contradictions import Contradiction, compare
from gateway.errors import InvalidInput


class SourceBlob(NamedTuple):
    """A blob of the root object, as it is stored; None is what a caller leaves open."""

    blob_id: str
    blob_property: str | None = None
    blob_type: str | None = None


def contradictions(
    stated: Sequence[SourceBlob], of_root: Mapping[str, SourceBlob]
) -> Iterator[Contradiction]:
    """Yield what is stated of source blobs otherwise than it is.

    Args:
        of_root: The blobs of the root object, by their ids; none without a root object.
    """
    first: dict[str, int] = {}
    for index, given in enumerate(stated):
        path = ("sourceBlobs", str(index))
        right = of_root.get(given.blob_id)
        if first.setdefault(given.blob_id, index) != index:
            message = f"sourceBlobs[{index}] repeats sourceBlobs[{first[given.blob_id]}]"
            yield Contradiction(InvalidInput(f"{message}; name each once", (*path, "blobId")))
        elif right is None:
            yield not_of_root(given.blob_id, (*path, "blobId"))
        else:
            yield from compare((*path, "blobProperty"), given.blob_property, right.blob_property)
            yield from compare((*path, "blobType"), given.blob_type, right.blob_type)


def not_of_root(blob_id: str, path: Sequence[str]) -> Contradiction:
    """Return that a blob is not one of the root object's."""
    message = "this blob does not belong to the root object of the document"
    return Contradiction(InvalidInput(message, path), blob_id, "blob")

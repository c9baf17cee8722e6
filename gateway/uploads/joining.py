"""Joining the parts that an upload came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.blobs.store import BlobStore, NoBytes, Part
from gateway.errors import BadState, InvalidInput
from gateway.gathering import Gathering
from gateway.uploads.parts import part_sizes
from gateway.uploads.standing import Upload

_MOST_NAMED = 10


class GivenPart(NamedTuple):
    """A part as its sender knows it; with or without quotes around the ETag."""

    number: int
    etag: str


async def join(
    store: BlobStore, upload: Upload, parts_id: str, given: Sequence[GivenPart] | None
) -> None:
    """Join the parts that have come, unless it was done by somebody who could not finish.

    Raises:
        BadState: Some have not come.
        InvalidInput, Refused: ``given`` are not those that came.
        NoBytes: They are gone.
    """
    key = upload.own_key
    try:
        come = {part.number: part for part in await store.parts(key, parts_id)}
    except NoBytes:
        come = {}
    sizes = part_sizes(upload.size_bytes, upload.part_size_bytes or upload.size_bytes)
    missing = [number for number in range(1, len(sizes) + 1) if number not in come]
    if missing and await store.size(key) is not None:
        return
    if given is not None:
        _check_given(given, come, len(sizes))
    if missing:
        raise BadState(f"{_named(missing)} not come yet: PUT what is missing first", ("uploadId",))
    await store.join_parts(key, parts_id, [come[number] for number in sorted(come)])


def _check_given(given: Sequence[GivenPart], come: Mapping[int, Part], count: int) -> None:
    """Refuse parts that are not those which came.

    Raises:
        InvalidInput, Refused: Some are wrong or missing.
    """
    gathering = Gathering()
    for index, part in enumerate(given):
        with gathering.below("parts", str(index)):
            if not 1 <= part.number <= count:
                raise InvalidInput(
                    f"the number is {part.number}; this upload has parts 1 to {count}", ("number",)
                )
            here = come.get(part.number)
            if here is None:
                raise InvalidInput(f"part {part.number} has not come; PUT it first", ("number",))
            if here.etag.strip('"') != part.etag.strip('"'):
                raise InvalidInput(
                    f"of part {part.number} the store has another version; PUT it again, or leave"
                    " parts out to take what is there",
                    ("etag",),
                )
    with gathering.below("parts"):
        if left_out := sorted(set(range(1, count + 1)) - {part.number for part in given}):
            raise InvalidInput(f"{_named(left_out)} been left out; name every part, or none")
    gathering.end()


def _named(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:_MOST_NAMED]))
    if len(numbers) == 1:
        return f"part {named} has"
    more = f" and {len(numbers) - _MOST_NAMED} more" if len(numbers) > _MOST_NAMED else ""
    return f"parts {named}{more} have"

"""How a large upload is cut."""

from __future__ import annotations

from gateway.blobs.store import MAX_PUT_BYTES

_MIB = 1024**2
SMALLEST_PART_BYTES = 16 * _MIB
MOST_PARTS = 1000  # unless its parts would be larger than a store takes


def part_size(size_bytes: int) -> int:
    """Return the size of each part but the last, in whole MiB."""
    mib = -(-size_bytes // (MOST_PARTS * _MIB))
    return min(max(mib * _MIB, SMALLEST_PART_BYTES), MAX_PUT_BYTES)


def part_sizes(size_bytes: int, part_size_bytes: int) -> list[int]:
    """Return the sizes of all parts, in their order; the first part has the number 1."""
    return [
        min(part_size_bytes, size_bytes - start) for start in range(0, size_bytes, part_size_bytes)
    ]

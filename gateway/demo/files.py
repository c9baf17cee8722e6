"""A picture and a PDF that are real files, made of nothing but the standard library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

RED_GREEN_BLUE = 2  # PNG's number for this kind of pixel


class Color(NamedTuple):
    """Each from 0 to 255."""

    red: int
    green: int
    blue: int


def picture(width: int, height: int, *, top: Color, bottom: Color, disc: Color) -> bytes:
    """Return a PNG: a sky that goes from one color to another, with a disc before it."""
    radius = min(width, height) // 4
    center_x, center_y = width // 2, height // 2
    lines = bytearray()
    for y in range(height):
        sky = bytes(
            _between(start, end, y / height) for start, end in zip(top, bottom, strict=True)
        )
        reach = _half_chord(radius, y - center_y)
        left = width if reach is None else center_x - reach
        right = width if reach is None else center_x + reach
        lines += b"\0"  # each line says how it is filtered: not at all
        lines += sky * left + bytes(disc) * (right - left) + sky * (width - right)
    header = struct.pack(">IIBBBBB", width, height, 8, RED_GREEN_BLUE, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def page(title: str, lines: Sequence[str]) -> bytes:
    """Return a PDF of one A4 page: a title and lines of text, in ASCII."""
    text = [f"BT /F1 24 Tf 72 750 Td ({_escaped(title)}) Tj /F1 12 Tf 18 TL 0 -18 Td"]
    text += [f"T* ({_escaped(line)}) Tj" for line in lines]
    content = "\n".join([*text, "ET"]).encode("ascii")
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"  # every reader has it
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        font,
    ]
    return _pdf(objects)


def _between(start: int, end: int, share: float) -> int:
    return round(start + (end - start) * share)


def _half_chord(radius: int, distance: int) -> int | None:
    """Return how far a disc reaches to each side of its center on a line at that distance."""
    square = radius * radius - distance * distance
    return None if square < 0 else round(square**0.5)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _pdf(objects: Sequence[bytes]) -> bytes:
    """Return the file of numbered objects, the first being its catalog."""
    # The second line tells programs that copy files that this one is not text.
    file = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, each in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = len(file)
    count = len(objects) + 1
    file += b"xref\n0 %d\n0000000000 65535 f \n" % count
    file += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, table)
    return bytes(file)

"""Which property of a bucket's schema a file is a blob of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.buckets.schema_fields import BLOB_TYPES, read_type, written
from gateway.enums import FieldType
from gateway.errors import InvalidInput
from gateway.objects.mime_types import UNKNOWN, check_fits
from gateway.remote import Refusal

# What a type is for, where no file of another kind contradicts it.
_MEANT_FOR = {
    FieldType.TEXT: ("text/",),
    FieldType.JSON: ("application/json",),
    FieldType.EXCEL: (
        "application/vnd.ms-excel",
        "application/vnd.openxmlformats-officedocument.spreadsheetml",
        "text/csv",
    ),
}
_OF_ONE_KIND = (FieldType.IMAGE, FieldType.AUDIO, FieldType.VIDEO, FieldType.PDF)


class Properties:
    """The properties of a bucket that files can be blobs of, each with its type.

    Args:
        chosen: The only one to be used; None: the one that fits each file.

    Raises:
        Refusal: There is none, or not the chosen one.
    """

    def __init__(self, bucket: Mapping[str, Any], chosen: str | None) -> None:
        fields = bucket["bucketSchema"].get("properties", {})
        types = {name: read_type(field["type"]) for name, field in fields.items()}
        self._types = {name: kind for name, kind in types.items() if kind in BLOB_TYPES}
        name = bucket["bucketName"]
        if not self._types:
            raise Refusal(f"the schema of the bucket {name!r} has no property for files")
        if chosen is not None:
            if chosen not in self._types:
                there = ", ".join(sorted(self._types))
                raise Refusal(f"{chosen!r} is no property for files of {name!r}; there: {there}")
            self._types = {chosen: self._types[chosen]}

    def for_file(self, mime_type: str) -> tuple[str, str]:
        """Return the property for a file, and its type as it is written.

        Raises:
            Refusal: None fits, or several as well.
        """
        fitting = [name for name, kind in self._types.items() if _fits(mime_type, kind)]
        meant = [name for name in fitting if _is_meant(mime_type, self._types[name])]
        found = meant or [each for each in fitting if self._types[each] is FieldType.BINARY]
        if len(self._types) == 1:
            found = fitting
        if not found:
            raise Refusal(f"no property of the bucket is for files of the type {mime_type}")
        if len(found) > 1:
            raise Refusal(
                f"{' and '.join(found)} are for files of the type {mime_type}; choose by --property"
            )
        kind = self._types[found[0]]
        assert kind is not None  # noqa: S101 - known types alone were kept
        return found[0], written(kind)


def _fits(mime_type: str, kind: FieldType | None) -> bool:
    try:
        check_fits(mime_type, kind or FieldType.BINARY, ())
    except InvalidInput:
        return False
    return True


def _is_meant(mime_type: str, kind: FieldType | None) -> bool:
    if kind in _OF_ONE_KIND:
        return mime_type != UNKNOWN
    return mime_type.startswith(_MEANT_FOR.get(kind, ())) if kind else False

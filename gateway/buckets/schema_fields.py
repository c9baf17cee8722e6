"""The fields of a bucket's schema, once they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.enums import FieldType

SCALAR_TYPES = (
    FieldType.STRING,
    FieldType.NUMBER,
    FieldType.INTEGER,
    FieldType.FLOAT,
    FieldType.BOOLEAN,
    FieldType.DATE,
    FieldType.DATETIME,
)
METADATA_TYPES = (*SCALAR_TYPES, FieldType.OBJECT, FieldType.ARRAY)
BLOB_TYPES = tuple(kind for kind in FieldType if kind not in METADATA_TYPES)
# A string is metadata or a blob, whichever an object brings.
TYPES_OF_BLOBS = (FieldType.STRING, *BLOB_TYPES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What one property, or the items of an array, have to be.

    Args:
        default: What an absent metadata key becomes; None where it stays absent.
        enum: The only values that are right; None where the type alone decides.
        properties: Of an object; keys that are not described here are free.
        items: Of an array; None where they are free.
    """

    type: FieldType
    required: bool = False
    default: Any = None
    enum: tuple[Any, ...] | None = None
    properties: Mapping[str, Field] = field(default_factory=dict)
    items: Field | None = None


def read_type(word: object) -> FieldType | None:
    """Return the type that ``word`` names in any case, as in "PDF" and "pdf"; None if none."""
    return FieldType.__members__.get(word.upper()) if isinstance(word, str) else None


def written(kind: FieldType) -> str:
    """Return ``kind`` as schemas write it."""
    return kind.lower()


def whole_metadata(properties: Mapping[str, Field]) -> Field | None:
    """Return the property that describes the metadata as a whole, if there is one."""
    field = properties.get("metadata")
    return field if field and field.type is FieldType.OBJECT else None

"""The unique key of a bucket: which values of an object it is made of, and when two are equal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.buckets.bucket_schema import BucketSchema
from gateway.buckets.schema_fields import SCALAR_TYPES, written
from gateway.enums import InsertPolicy
from gateway.errors import (
    BadUserInput,
    InvalidInput,
    PolicyRequired,
    SchemaMismatch,
    TooLarge,
    UserFailure,
)
from gateway.gathering import refuse
from gateway.planner.json_paths import parse_path
from gateway.wording import kind_of, label, listed, shortened

MOST_FIELDS = 16
# Of the canonical text, so that it fits into an entry of an index (2704 bytes) with two ids.
MOST_BYTES = 2048

_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """What tells the objects of a bucket apart.

    Args:
        paths: Of each field the keys that lead to it in the metadata.
    """

    paths: tuple[_Path, ...]
    default_policy: InsertPolicy | None

    def policy(self, given: InsertPolicy | None) -> InsertPolicy:
        """Return the policy of an object that brings ``given``.

        Raises:
            PolicyRequired: It brings none, and there is no default.
        """
        policy = given or self.default_policy
        if policy is None:
            raise PolicyRequired(
                "the bucket has a unique key without a default policy;"
                f" choose one of {', '.join(InsertPolicy)}",
                ("policy",),
                allowed=list(InsertPolicy),
            )
        return policy

    def read(self, metadata: Mapping[str, Any]) -> str:
        """Return the key of an object of this metadata; equal keys are equal texts.

        It is the JSON of an array with a value for each field. A number has one text however it was
        written, so 1 and 1.0 are equal; "1" is another.

        Raises:
            SchemaMismatch: A value is missing, null, an object or an array; paths begin with
                ``metadata``.
            TooLarge: The values have over ``MOST_BYTES`` together.
            Refused: Several of these.
        """
        failures: list[UserFailure] = []
        values = []
        for path in self.paths:
            value = _at(path, metadata)
            if value is None or isinstance(value, dict | list):
                problem = "missing" if value is None else kind_of(value)
                failures.append(
                    SchemaMismatch(
                        f"{label(path)} is {problem}; it is part of the bucket's unique key, so"
                        " each object needs a string, a number or a boolean there",
                        ("metadata", *path),
                    )
                )
            values.append(_canonical(value))
        if failures:
            refuse(failures)
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        size_bytes = len(text.encode())
        if size_bytes > MOST_BYTES:
            raise TooLarge(
                f"the values of the unique key have {size_bytes} bytes; the most is {MOST_BYTES}",
                self.place,
            )
        return text

    @property
    def place(self) -> _Path:
        """Where in an object's input the key begins."""
        return ("metadata", *self.paths[0])

    def shown(self, metadata: Mapping[str, Any]) -> str:
        """Return the key's values for a sentence, as in ``sku "A1"``."""
        values = [
            f"{label(path)} {json.dumps(_at(path, metadata), ensure_ascii=False)}"
            for path in self.paths
        ]
        return shortened(", ".join(values))


def read_unique_key(
    fields: Sequence[str], default_policy: str | None, schema: BucketSchema
) -> UniqueKey:
    """Return the key that is made of fields of a bucket with the schema.

    Raises:
        InvalidInput: There are no fields, or one is no scalar field of the schema, or is named
            twice; paths begin with ``fields``.
        TooLarge: Over ``MOST_FIELDS``.
        Refused: Several of these.
    """
    if not fields:
        raise InvalidInput("a unique key needs at least one field; it has none", ("fields",))
    if len(fields) > MOST_FIELDS:
        raise TooLarge(
            f"the unique key has {len(fields)} fields; the most is {MOST_FIELDS}", ("fields",)
        )
    failures: list[UserFailure] = []
    paths: list[_Path] = []
    for index, field in enumerate(fields):
        try:
            path = _read_path(field, schema)
            if path in paths:
                raise InvalidInput(f"{shortened(field)} is named twice; name each field once")
            paths.append(path)
        except UserFailure as failure:
            failures.append(failure.below("fields", str(index)))
    if failures:
        refuse(failures)
    policy = None if default_policy is None else InsertPolicy[default_policy]
    return UniqueKey(tuple(paths), policy)


def _read_path(field: str, schema: BucketSchema) -> _Path:
    try:
        path = tuple(parse_path(field))
    except BadUserInput as error:
        raise InvalidInput(error.message) from error
    found = schema.metadata_field(path)
    if found is None and path[0] == "metadata" and (inner := schema.metadata_field(path[1:])):
        path, found = path[1:], inner  # as from the root of the object
    if found is not None and found.type in SCALAR_TYPES:
        return path
    if found is None:
        problem = "is not in the bucket's schema, or is a blob"
    else:
        problem = f"is of type {written(found.type)}"
    right = schema.scalar_paths()
    raise InvalidInput(
        f"{shortened(field)!r} {problem}; the fields of a unique key are scalar fields of the"
        f" metadata: {shortened(', '.join(right)) or 'the schema has none'}",
        allowed=listed(right),
    )


def _at(path: _Path, metadata: Mapping[str, Any]) -> Any:
    value: Any = metadata
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _canonical(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value

"""A bucket's schema: what its objects' blobs and metadata have to be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import orjson

from gateway.buckets.fitting import Filling, Fitting
from gateway.buckets.schema_fields import (
    BLOB_TYPES,
    SCALAR_TYPES,
    TYPES_OF_BLOBS,
    Field,
    read_type,
    whole_metadata,
    written,
)
from gateway.buckets.schema_reading import read_properties
from gateway.checks import check_object
from gateway.enums import FieldType
from gateway.errors import InvalidInput, Refused, SchemaMismatch, TooLarge, UserFailure
from gateway.gathering import MOST_FAILURES, refuse
from gateway.planner.json_paths import written_path
from gateway.wording import label, listed, shortened

MOST_BYTES = 256 * 1024


def parse_schema(raw: Any, path: Sequence[str] = ("bucketSchema",)) -> BucketSchema:
    """Return the schema that ``raw`` describes, as in ``{"properties": {name: {"type": …}}}``.

    A schema that was read before costs a look-up, so services parse the stored one at each write.

    Raises:
        InvalidInput, TooLarge: It describes none; see ``read_properties``.
        Refused: For several reasons.
    """
    check_object(raw, path, most_bytes=MOST_BYTES)
    try:
        return _parse(orjson.dumps(raw))
    except UserFailure as failure:
        failure.below(*path)
        raise
    except Refused as refused:
        for each in refused.failures:
            each.below(*path)
        raise


@lru_cache(maxsize=256)
def _parse(text: bytes) -> BucketSchema:
    return BucketSchema(read_properties(orjson.loads(text)))


class BucketSchema:
    """What the blobs and the metadata of a bucket's objects have to be.

    A property of a blob type describes the blob of its name, a string the blob or the metadata key
    of its name, any other the metadata key. An object called ``metadata`` describes the metadata as
    a whole: its properties are keys of the metadata.
    """

    def __init__(self, properties: Mapping[str, Field]) -> None:
        self.properties = properties
        self._whole = whole = whole_metadata(properties)
        keys = {
            name: field
            for name, field in properties.items()
            if field is not whole and field.type not in BLOB_TYPES
        }
        self._metadata = Field(
            type=FieldType.OBJECT,
            required=True,
            properties={**keys, **(whole.properties if whole else {})},
        )
        self._fitting = Fitting(self._metadata)

    def check_blob(self, property: str, type: str, path: Sequence[str]) -> FieldType:
        """Check that the schema has a blob ``property`` of this type; return the type.

        Args:
            type: As the client wrote it, in any case.
            path: Where the blob is in the input.

        Raises:
            InvalidInput: There is no such type.
            SchemaMismatch: The schema has no such blob, or gives it another type.
            Refused: Both.
        """
        failures: list[UserFailure] = []
        field = self.properties.get(property)
        if field is None or field.type not in TYPES_OF_BLOBS:
            failures.append(self._no_blob(property, (*path, "property")))
            field = None
        kind = read_type(type)
        if kind is None:
            failures.append(
                InvalidInput(
                    f'the type "{shortened(type)}" does not exist',
                    (*path, "type"),
                    allowed=[written(field.type)] if field else list(map(written, TYPES_OF_BLOBS)),
                )
            )
        elif field and field.type is not kind:
            failures.append(
                SchemaMismatch(
                    f"type is {written(kind)}, but {label((property,))} is of type"
                    f" {written(field.type)} in the bucket's schema",
                    (*path, "type"),
                    allowed=[written(field.type)],
                )
            )
        if kind is None or failures:
            refuse(failures)
        return kind

    def check_metadata(
        self,
        metadata: dict[str, Any],
        *,
        present_blobs: Collection[str],
        path: Sequence[str] = ("metadata",),
        fill_defaults: bool = True,
    ) -> dict[str, Any]:
        """Check that an object of this metadata and these blobs fits; return the metadata to keep.

        That is with the schema's defaults where keys are absent. A patch does without them, for a
        key that it removes has to stay away.

        Args:
            metadata: Must have passed ``check_object``; it is not altered.
            present_blobs: The properties of the object's blobs.
            path: Where the metadata is in the input; ``blobs`` lies beside it.

        Raises:
            SchemaMismatch: A metadata key that does not fit, or something required that is missing.
            TooLarge: There are so many objects without defaults that these would add too much.
            Refused: Several of these.
        """
        strings = {name for name in present_blobs if self._may_be_a_blob(name)}
        kept = self._filled(metadata, path, besides=strings) if fill_defaults else metadata
        failures = chain(
            self._missing_blobs(present_blobs, (*path[:-1], "blobs")),
            self._mismatches(kept, path, besides=strings),
        )
        if told := list(islice(failures, MOST_FAILURES)):
            refuse(told)
        return kept

    def metadata_field(self, path: Sequence[str]) -> Field | None:
        """Return what describes the value at a path into the metadata; None if nothing does."""
        found: Field | None = self._metadata
        for key in path:
            found = found.properties.get(key) if found else None
        return found

    def scalar_paths(self) -> list[str]:
        """Return the paths of all scalars that the schema describes in the metadata."""
        return list(_scalar_paths(self._metadata, ()))

    def _no_blob(self, property: str, path: Sequence[str]) -> SchemaMismatch:
        blobs = [name for name, field in self.properties.items() if field.type in TYPES_OF_BLOBS]
        name = label((property,))
        if field := self.properties.get(property):
            problem = f"{name} describes metadata ({written(field.type)}) and cannot be a blob"
        else:
            problem = f"{name} is not in the bucket's schema"
        right = f"blobs are {shortened(', '.join(blobs))}" if blobs else "the schema has no blobs"
        return SchemaMismatch(f"{problem}; {right}", path, allowed=listed(blobs))

    def _filled(
        self, metadata: dict[str, Any], path: Sequence[str], *, besides: Collection[str]
    ) -> dict[str, Any]:
        if not metadata and self._whole and self._whole.default:
            metadata = orjson.loads(orjson.dumps(self._whole.default))
        try:
            result: dict[str, Any] = Filling().filled(self._metadata, metadata, besides=besides)
        except TooLarge as failure:
            failure.below(*path)
            raise
        return result

    def _missing_blobs(
        self, present: Collection[str], path: Sequence[str]
    ) -> Iterator[SchemaMismatch]:
        for name, field in self.properties.items():
            if field.required and field.type in BLOB_TYPES and name not in present:
                yield SchemaMismatch(
                    f"{label((name,))} is missing; the bucket's schema requires"
                    f" a blob of type {written(field.type)}",
                    path,
                )

    def _mismatches(
        self, metadata: dict[str, Any], path: Sequence[str], *, besides: Collection[str]
    ) -> Iterator[SchemaMismatch]:
        """Yield what does not fit in the metadata; the keys ``besides`` may be missing."""
        if self._whole and self._whole.required and not metadata:
            yield SchemaMismatch("metadata is missing; the bucket's schema requires some", path)
        for misfit in self._fitting.misfits(metadata):
            message = misfit.message
            if misfit.is_missing and self._may_be_a_blob(misfit.path[0]):
                if misfit.path[0] in besides:
                    continue
                message += ", in the metadata or as a blob"
            yield SchemaMismatch(message, (*path, *misfit.path), allowed=misfit.allowed)

    def _may_be_a_blob(self, key: str) -> bool:
        field = self.properties.get(key)
        return field is not None and field.type is FieldType.STRING


def _scalar_paths(field: Field, path: tuple[str, ...]) -> Iterator[str]:
    for name, inner in field.properties.items():
        if inner.type in SCALAR_TYPES:
            yield written_path((*path, name))
        else:
            yield from _scalar_paths(inner, (*path, name))

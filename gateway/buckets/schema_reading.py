"""Reading a bucket's schema as a client wrote it, and telling all that is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.buckets.fitting import Filling, Fitting
from gateway.buckets.schema_fields import (
    BLOB_TYPES,
    METADATA_TYPES,
    SCALAR_TYPES,
    Field,
    read_type,
    whole_metadata,
    written,
)
from gateway.checks import check_name
from gateway.enums import FieldType
from gateway.errors import InvalidInput, TooLarge, UserFailure
from gateway.gathering import MOST_FAILURES, refuse
from gateway.wording import kind_of, label, shortened

MOST_PROPERTIES = 1000
MOST_LEVELS = 20
MOST_NAME_CHARACTERS = 255

_KEYS = ("properties", "description")
_KEYS_OF_A_FIELD = (
    *("type", "description", "properties", "required"),
    *("default", "enum", "items", "examples"),
)
_SHAPES: dict[str, tuple[type, str]] = {
    "description": (str, "a string"),
    "properties": (dict, "an object of properties"),
    "required": (bool, "true or false, at each property"),
    "enum": (list, "an array of the values that are right"),
    "items": (dict, 'an object, as in {"type": "string"}'),
    "examples": (list, "an array"),
}
_ONLY_FOR: dict[str, Sequence[FieldType]] = {
    "properties": (FieldType.OBJECT,),
    "items": (FieldType.ARRAY,),
    "enum": SCALAR_TYPES,
    "default": METADATA_TYPES,
}

_Path = tuple[str, ...]


def read_properties(raw: Mapping[str, Any]) -> dict[str, Field]:
    """Return the properties of a schema, which must have passed ``check_object``.

    A key that is null counts as left out. Paths of failures start at the schema.

    Raises:
        InvalidInput: A key or type that does not exist, a default that does not fit, and the like.
        TooLarge: Over ``MOST_PROPERTIES`` in all, over ``MOST_LEVELS`` of them in one another, or
            a name over ``MOST_NAME_CHARACTERS``.
        Refused: Several of these.
    """
    reading = _Reading()
    properties = reading.schema(raw)
    if reading.failures:
        refuse(reading.failures)
    return properties


class _Reading:
    """One pass over a schema; it goes on after a failure, so that all are told at once."""

    def __init__(self) -> None:
        self.failures: list[UserFailure] = []
        self._count = 0
        self._filling = Filling()

    def schema(self, given: Mapping[str, Any]) -> dict[str, Field]:
        raw = self._usable(given, (), _KEYS)
        path = ("properties",)
        properties = self._properties(raw.get("properties", {}), path, 1, tuple(FieldType))
        if given.get("properties") in (None, {}):
            self._invalid("a bucket's schema needs at least one property; it has none", path)
        self._no_key_twice(properties, path)
        return properties

    def _properties(
        self, raw: dict[str, Any], path: _Path, level: int, types: Collection[FieldType]
    ) -> dict[str, Field]:
        self._count += len(raw)
        if self._count > MOST_PROPERTIES:
            # Alone and at once: what else is wrong matters only once this is mended.
            raise TooLarge(f"the schema has over {MOST_PROPERTIES} properties, the most", path)
        properties = {}
        for name, definition in raw.items():
            below = (*path, name)
            try:
                check_name(name, below, most=MOST_NAME_CHARACTERS)
            except UserFailure as failure:
                self._fail(failure)
                continue  # a name without measure must not head the paths of further failures
            if field := self._field(definition, below, level, types):
                properties[name] = field
        return properties

    def _field(
        self, given: Any, path: _Path, level: int, types: Collection[FieldType]
    ) -> Field | None:
        if not isinstance(given, dict):
            right = 'an object, as in {"type": "string"}'
            self._invalid(f"{label(path)} is {kind_of(given)}; it has to be {right}", path)
            return None
        if level > MOST_LEVELS:
            message = f"properties lie in one another over {MOST_LEVELS} deep, the most"
            self._fail(TooLarge(message, path))
            return None

        raw = self._usable(given, path, _KEYS_OF_A_FIELD)
        kind = self._type(raw.get("type"), path, types)
        if kind is None:
            return None
        for key, kinds in _ONLY_FOR.items():
            if key in raw and kind not in kinds:
                right = ", ".join(map(written, kinds))
                self._invalid(
                    f"{key} is only for {right}; {label(path)} is {written(kind)}", (*path, key)
                )
        field = Field(
            type=kind,
            required=raw.get("required", False),
            properties=self._properties(
                raw.get("properties", {}), (*path, "properties"), level + 1, METADATA_TYPES
            ),
            items=self._items(raw.get("items"), (*path, "items"), level + 1),
        )
        return field if kind in BLOB_TYPES else self._with_values(field, raw, path)

    def _usable(
        self, given: Mapping[str, Any], path: _Path, known: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the keys that are known and hold what they should."""
        usable = {}
        for key, value in given.items():
            shape, right = _SHAPES.get(key, (object, ""))
            if key not in known:
                message = f"{shortened(key)} is unknown here; known are {', '.join(known)}"
                self._invalid(message, (*path, key), allowed=known)
            elif value is not None and not isinstance(value, shape):
                self._invalid(f"{key} is {kind_of(value)}; it has to be {right}", (*path, key))
            elif value is not None:
                usable[key] = value
        return usable

    def _type(self, word: Any, path: _Path, types: Collection[FieldType]) -> FieldType | None:
        kind = read_type(word)
        if kind in types:
            return kind
        if word is None:
            problem = "has no type"
        elif not isinstance(word, str):
            problem = f"has {kind_of(word)} for a type"
        elif kind is None:
            problem = f'has the type "{shortened(word)}", which does not exist'
        else:
            problem = f"has the type {written(kind)} of a blob, but lies inside the metadata"
        allowed = [written(kind) for kind in types]
        message = f"{label(path)} {problem}; it has to be one of {', '.join(allowed)}"
        self._invalid(message, (*path, "type"), allowed=allowed)
        return None

    def _items(self, raw: dict[str, Any] | None, path: _Path, level: int) -> Field | None:
        items = None if raw is None else self._field(raw, path, level, METADATA_TYPES)
        if items is None:
            return None
        for key, is_said in (("required", items.required), ("default", items.default is not None)):
            if is_said:
                self._invalid(f"{key} is for properties; an item is never absent", (*path, key))
        return replace(items, required=True)

    def _with_values(self, field: Field, raw: Mapping[str, Any], path: _Path) -> Field:
        """Return ``field`` with enum and default; they and the examples have to fit it."""
        pattern = replace(field, required=True)
        if "enum" in raw and field.type in SCALAR_TYPES:
            below = (*path, "enum")
            if not raw["enum"]:
                self._invalid("enum is empty, so that no value could ever fit", below)
            known_failures = len(self.failures)
            self._fit_all(raw["enum"], pattern, below)
            if len(self.failures) == known_failures:
                pattern = replace(pattern, enum=tuple(raw["enum"]))
        self._fit_all(raw.get("examples", ()), pattern, (*path, "examples"))
        if "default" in raw:
            self._fit(raw["default"], pattern, Fitting(pattern), (*path, "default"))
        return replace(pattern, required=field.required, default=raw.get("default"))

    def _fit_all(self, values: Sequence[Any], pattern: Field, path: _Path) -> None:
        fitting = Fitting(pattern)
        for index, value in enumerate(values):
            self._fit(value, pattern, fitting, (*path, str(index)))

    def _fit(self, value: Any, pattern: Field, fitting: Fitting, path: _Path) -> None:
        try:
            value = self._filling.filled(pattern, value)
        except TooLarge as failure:
            failure.below(*path)
            raise
        for misfit in fitting.misfits(value, path):
            self._invalid(misfit.message, misfit.path, allowed=misfit.allowed)

    def _no_key_twice(self, properties: Mapping[str, Field], path: _Path) -> None:
        """Refuse a metadata key that ``metadata`` describes, and a property of its name as well."""
        whole = whole_metadata(properties)
        for name in whole.properties if whole else ():
            beside = properties.get(name)
            if beside and beside is not whole and beside.type in METADATA_TYPES:
                self._invalid(
                    f"{label((name,))} is described twice, here and in the properties of metadata;"
                    " one of them has to go",
                    (*path, name),
                )

    def _invalid(self, message: str, path: _Path, *, allowed: Sequence[str] | None = None) -> None:
        self._fail(InvalidInput(message, path, allowed=allowed))

    def _fail(self, failure: UserFailure) -> None:
        self.failures.append(failure)
        if len(self.failures) == MOST_FAILURES:
            refuse(self.failures)

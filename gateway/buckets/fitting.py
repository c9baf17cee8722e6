"""Whether a value fits a field, and if not, what would."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from jsonschema_rs import Draft202012Validator

from gateway.buckets.schema_fields import Field, written
from gateway.enums import FieldType
from gateway.errors import TooLarge
from gateway.wording import kind_of, label, listed, shortened

MOST_BYTES_OF_DEFAULTS = 256 * 1024

_JSON_SCHEMA = {
    FieldType.STRING: {"type": "string"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.FLOAT: {"type": "number"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.OBJECT: {"type": "object"},
    FieldType.ARRAY: {"type": "array"},
    FieldType.DATE: {"type": "string", "format": "date"},
    FieldType.DATETIME: {"type": "string", "format": "date-time"},
}
_WORDS = {
    FieldType.STRING: "a string",
    FieldType.NUMBER: "a number",
    FieldType.INTEGER: "a whole number (integer)",
    FieldType.FLOAT: "a number (float)",
    FieldType.BOOLEAN: "true or false (boolean)",
    FieldType.OBJECT: "an object",
    FieldType.ARRAY: "an array",
    FieldType.DATE: "a day of the calendar, as in 2026-11-21 (date)",
    FieldType.DATETIME: "a moment with its offset, as in 2026-11-21T22:04:12Z (datetime)",
}

# A string of these types may be wrong in a way that only the text shows.
_WRITTEN = (FieldType.DATE, FieldType.DATETIME)


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that does not fit, or one that is missing.

    Args:
        path: From the whole value down to the spot.
        allowed: The values that would fit, where they can be listed.
    """

    path: tuple[str, ...]
    message: str
    allowed: tuple[str, ...] | None = None
    is_missing: bool = False


class Fitting:
    """A field made ready to be compared with many values."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._properties = {name: Fitting(inner) for name, inner in field.properties.items()}
        self._items = field.items and Fitting(field.items)

    @cached_property
    def _whole(self) -> Draft202012Validator:
        return _validator(_whole_schema(self._field))

    @cached_property
    def _own(self) -> Draft202012Validator:
        return _validator(_own_schema(self._field))

    def misfits(self, value: Any, path: tuple[str, ...] = ()) -> Iterator[Misfit]:
        """Yield what does not fit in ``value``, which must have passed ``check_json``.

        Args:
            path: Where ``value`` is; the paths of the misfits start with it.
        """
        if not self._whole.is_valid(value):
            yield from self._explain(value, path)

    def _explain(self, value: Any, path: tuple[str, ...]) -> Iterator[Misfit]:
        # Step by step rather than by the validator's ``iter_errors``, which lists all errors at
        # once with a copy of the value in each: 11 s for 1000 missing keys of one 256 KiB object.
        if not self._own.is_valid(value):
            yield self._misfit(value, path)
        elif isinstance(value, dict):
            for name, inner in self._properties.items():
                if name in value:
                    yield from inner._explain(value[name], (*path, name))
                elif inner._field.required:
                    yield inner._missing((*path, name))
        elif isinstance(value, list) and self._items:
            for index, item in enumerate(value):
                yield from self._items._explain(item, (*path, str(index)))

    def _misfit(self, value: Any, path: tuple[str, ...]) -> Misfit:
        right, allowed = self._right
        return Misfit(path, f"{label(path)} is {self._state(value)}; it has to be {right}", allowed)

    def _state(self, value: Any) -> str:
        if isinstance(value, str) and self._field.enum is None and self._field.type not in _WRITTEN:
            return kind_of(value)
        return _shown(value)

    @cached_property
    def _right(self) -> tuple[str, tuple[str, ...] | None]:
        """What would fit, for a sentence and as a list."""
        if self._field.enum is None:
            return _WORDS[self._field.type], None
        values = [value if isinstance(value, str) else _json(value) for value in self._field.enum]
        return f"one of {shortened(', '.join(values))}", listed(values)

    def _missing(self, path: tuple[str, ...]) -> Misfit:
        kind = written(self._field.type)
        message = f"{label(path)} is missing; the bucket's schema requires it ({kind})"
        return Misfit(path, message, is_missing=True)


class Filling:
    """Puts defaults where keys are absent, until they come to ``MOST_BYTES_OF_DEFAULTS``.

    That bound is needed because every item of an array gets its own, and a default may be an array
    of items that get theirs: a short schema could fill the memory.
    """

    def __init__(self) -> None:
        self._room_bytes = MOST_BYTES_OF_DEFAULTS

    def filled(self, field: Field, value: Any, *, besides: Container[str] = ()) -> Any:
        """Return ``value`` with the defaults of ``field``, in all its objects.

        Args:
            besides: Properties of ``field`` itself that stay absent.

        Raises:
            TooLarge: There is no room for a default any more.
        """
        if isinstance(value, list) and field.items:
            return [self.filled(field.items, item) for item in value]
        if not isinstance(value, dict) or not field.properties:
            return value
        result = dict(value)
        for name, inner in field.properties.items():
            if name in value:
                result[name] = self.filled(inner, value[name])
            elif inner.default is not None and name not in besides:
                result[name] = self.filled(inner, self._copy(inner.default))
        return result

    def _copy(self, default: Any) -> Any:
        text = orjson.dumps(default)
        self._room_bytes -= len(text)
        if self._room_bytes < 0:
            raise TooLarge(
                f"the schema's defaults would add over {MOST_BYTES_OF_DEFAULTS} bytes, the most"
            )
        return orjson.loads(text)


class _Enum:
    """The keyword ``enum``; the library's own compares a float with one value after another."""

    def __init__(self, _schema: dict[str, Any], values: Any, _path: list[str | int]) -> None:
        self._values = frozenset(values)

    def validate(self, value: Any) -> None:
        """Raise unless ``value`` is listed."""
        if isinstance(value, dict | list) or value not in self._values:
            raise ValueError


def _own_schema(field: Field) -> dict[str, Any]:
    # What is not required may be null, as everywhere in GraphQL.
    schema: dict[str, Any] = dict(_JSON_SCHEMA[field.type])
    if field.enum is not None:
        schema["enum"] = list(field.enum)
    return schema if field.required else {"anyOf": [{"type": "null"}, schema]}


def _whole_schema(field: Field) -> dict[str, Any]:
    schema = _own_schema(field)
    if field.properties:
        schema["properties"] = {n: _whole_schema(inner) for n, inner in field.properties.items()}
        schema["required"] = [n for n, inner in field.properties.items() if inner.required]
    if field.items:
        schema["items"] = _whole_schema(field.items)
    return schema


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(
        schema, validate_formats=True, offline=True, keywords={"enum": _Enum}
    )


def _shown(value: Any) -> str:
    return kind_of(value) if isinstance(value, dict | list) else shortened(_json(value))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()

"""What makes a collection's documents: what it has to be, and the names it goes by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785

from gateway.checks import check_json, check_name, check_object
from gateway.errors import InvalidInput
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects.canonical_json import MOST_INTEGER
from gateway.wording import kind_of

MOST_PATH_CHARACTERS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """An extractor and its settings.

    Args:
        input_mappings: From each input's name to the path in the source that feeds it.
        field_passthrough: Pairs of a path in the source and one in the document; None: the same.
    """

    name: str
    version: str
    input_mappings: Any
    field_passthrough: Sequence[tuple[str, str | None]]
    parameters: Any

    @property
    def passthrough_records(self) -> list[dict[str, str | None]]:
        """``field_passthrough`` as it is stored."""
        return [
            {"source_path": source, "target_path": target}
            for source, target in self.field_passthrough
        ]


def extractor_id(name: str, version: str) -> str:
    """Return the name that documents know an extractor by, as in ``face_detector_v2``."""
    return f"{name}_{version}"


def config_hash(collection: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that a collection says of its extractor, as canonical JSON.

    Args:
        collection: The columns of its row that describe the extractor.
    """
    config = {
        "name": collection["extractor_name"],
        "version": collection["extractor_version"],
        "input_mappings": collection["input_mappings"],
        "field_passthrough": collection["field_passthrough"],
        "parameters": collection["parameters"],
    }
    return hashlib.sha256(rfc8785.dumps(_as_doubles(config))).hexdigest()


def check_extractor(extractor: Extractor, limits: Limits) -> None:
    """Check that an extractor can be stored.

    Raises:
        InvalidInput, TooLarge, Refused: It cannot; paths start inside ``featureExtractor``.
    """
    gathering = Gathering()
    for check in (_check_names, _check_mappings, _check_passthrough, _check_parameters):
        with gathering.below():
            check(extractor, limits)
    gathering.end()


def _check_names(extractor: Extractor, limits: Limits) -> None:
    check_name(extractor.name, ("name",), most=limits.name_characters)
    check_name(extractor.version, ("version",), most=limits.name_characters)


def _check_mappings(extractor: Extractor, limits: Limits) -> None:
    path = ("inputMappings",)
    mappings = check_object(extractor.input_mappings, path, most_bytes=limits.metadata_bytes)
    for name, source_path in mappings.items():
        if not isinstance(source_path, str) or not source_path:
            given = "empty" if source_path == "" else kind_of(source_path)
            raise InvalidInput(
                f"what feeds an input is a path in the source, as a string; this is {given}",
                (*path, name),
            )


def _check_passthrough(extractor: Extractor, limits: Limits) -> None:
    path = ("fieldPassthrough",)
    for index, (source, target) in enumerate(extractor.field_passthrough):
        here = (*path, str(index))
        check_name(source, (*here, "sourcePath"), most=MOST_PATH_CHARACTERS)
        if target is not None:
            check_name(target, (*here, "targetPath"), most=MOST_PATH_CHARACTERS)
    check_json(extractor.passthrough_records, path, most_bytes=limits.metadata_bytes)


def _check_parameters(extractor: Extractor, limits: Limits) -> None:
    check_object(extractor.parameters, ("parameters",), most_bytes=limits.metadata_bytes)


def _as_doubles(value: Any) -> Any:
    """Return JSON with its large integers as doubles, the only numbers that RFC 8785 knows.

    PostgreSQL gives back 1e17 as an integer, so they need not have been sent as integers.
    """
    if isinstance(value, dict):
        return {key: _as_doubles(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_doubles(each) for each in value]
    if isinstance(value, int) and abs(value) > MOST_INTEGER:
        return float(value)
    return value

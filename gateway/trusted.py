"""The folder of trusted documents: those that the operator's own frontends send."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from gateway.settings import InvalidSetting

GRAPHQL = (".graphql", ".gql")
_MANIFEST = "apollo-persisted-query-manifest"


class TrustedDocument(NamedTuple):
    """A document, and the name of the file it was read from."""

    text: str
    file: str


def sha256_of(text: str) -> str:
    """Return the id under which a text is known: its SHA-256 as 64 lower-case hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_trusted(folder: Path) -> dict[str, TrustedDocument]:
    """Return the documents in a folder and those below it, by their ids.

    A ``.graphql`` or ``.gql`` file is one document, known by its SHA-256. A ``.json`` file is what
    a frontend's build writes: ``{id: text}`` (Relay's compiler, GraphQL Code Generator), or a
    persisted query manifest (Apollo).

    Raises:
        InvalidSetting: there is no such folder, a file in it cannot be read, or two texts have one
            id.
    """
    if not folder.is_dir():
        raise InvalidSetting(f"GATEWAY_TRUSTED_DOCUMENTS is {str(folder)!r}, which is no folder")
    found: dict[str, TrustedDocument] = {}
    for path in sorted(folder.rglob("*")):
        try:
            entries = list(_entries(path))
        except (OSError, ValueError) as error:
            raise InvalidSetting(
                f"GATEWAY_TRUSTED_DOCUMENTS: {path.name} cannot be read: {error}"
            ) from error
        for id_, text in entries:
            first = found.setdefault(id_, TrustedDocument(text, path.name))
            if first.text != text:
                raise InvalidSetting(
                    f"GATEWAY_TRUSTED_DOCUMENTS: {path.name} has the id {id_!r} for another text"
                    f" than {first.file}"
                )
    return found


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    if path.suffix in GRAPHQL:
        text = path.read_bytes().decode()
        yield sha256_of(text), text
    elif path.suffix == ".json":
        yield from _listed(orjson.loads(path.read_bytes()))


def _listed(content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, dict) and content.get("format") == _MANIFEST:
        operations = content.get("operations")
        if not isinstance(operations, list) or not all(map(_is_operation, operations)):
            raise ValueError("its operations have to be objects with an id and a body")
        for each in operations:
            yield each["id"], each["body"]
        return
    if not isinstance(content, dict) or not all(isinstance(each, str) for each in content.values()):
        raise ValueError('it has to be {"<id>": "<text of the document>", …} or a manifest')
    yield from content.items()


def _is_operation(each: Any) -> bool:
    return isinstance(each, Mapping) and all(
        isinstance(each.get(name), str) for name in ("id", "body")
    )

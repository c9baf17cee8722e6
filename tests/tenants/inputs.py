"""Random mutations, made from the schema: most of them right, with ids and names that hit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from tests.differential.world import HASHES, TEXTS

Ids = Callable[[str], Sequence[str]]

# By what the name of a field ends in; the longest that fits counts.
_PREFIXES = {
    "bucketid": "bkt",
    "objectid": "obj",
    "collectionid": "col",
    "documentid": "doc",
    "uploadid": "upl",
    "blobid": "blob",
    "apikey": "key",
    "bucket": "bkt",
    "object": "obj",
    "collection": "col",
    "document": "doc",
    "upload": "upl",
    "namespaces": "ns",
}
_TEXT = {"properties": {"text": {"type": "text"}}}
_KEYED = {"properties": {"text": {"type": "text"}, "sku": {"type": "string", "required": True}}}
# Nothing else would be right often enough.
_CHOICES: dict[str, list[Any]] = {
    "bucketSchema": [_TEXT, _KEYED],
    "metadata": [{}, {"sku": "a"}, {"sku": "b", "n": 1}, {"sku": None}],
    "fields": ["sku"],
    "property": ["text"],
    "CreateBlobInput.type": ["text"],
    "CreateDocumentBlobInput.type": ["text"],
    "data": ["one text", "another", {"base64": "b25lIHRleHQ="}],
    "fileHash": HASHES,
    "hash": HASHES,
    "contentType": ["text/plain"],
    "filename": ["a.txt", "ä"],
    "fileSizeBytes": [0, 1, 8],
    "expiresIn": [60, 3600],
    "expiresAt": ["2999-01-01T00:00:00Z"],
    "expectedVersion": [1, 1, 2],
    "idempotencyKey": ["k1", "k2", "k3"],
    "version": ["v1"],
    "blobType": ["TEXT"],
    "vector": [0.5],
}
# What is optional and nearly always needed, and what is hardly ever right.
_WANTED = {"data", "collectionIds", "bucketIds"}
_SELDOM = {"lineagePath", "lineageChain", "rootObjectId", "rootBucketId", "sourceType", "parts"}
_SELDOM |= {
    "sourceBlobs",
    "policy",
    "uniqueKey",
    "sourceCollectionId",
    "sourceBlobId",
    "multipart",
    "uploadId",
}
_SELDOM |= {"expectedVersion", "idempotencyKey", "sourceObjectId", "sourceDocumentId", "isLocked"}


class Asked(NamedTuple):
    """An operation and its variables; ids that the gateway gave stand in them by their names."""

    field: str
    text: str
    variables: dict[str, Any]


class Mutations:
    """Makes mutations.

    Args:
        ids: Those that there are of a prefix.
    """

    def __init__(self, random: Random, schema: GraphQLSchema, ids: Ids) -> None:
        self._random = random
        self._schema = schema
        self._ids = ids

    def one(self) -> Asked:
        mutation = self._schema.mutation_type
        assert mutation is not None
        # Deletions among them, but not so many that nothing is left.
        names = [name for name in mutation.fields for _ in range(1 if "delete" in name else 3)]
        name = self._random.choice(names)
        made = mutation.fields[name]
        given = {key: self._value(arg.type, name, key) for key, arg in made.args.items()}
        heads = ", ".join(f"${key}: {arg.type}" for key, arg in made.args.items())
        arguments = ", ".join(f"{key}: ${key}" for key in made.args)
        fields = selection(self._schema, get_named_type(made.type), 2)
        return Asked(name, f"mutation ({heads}) {{ {name}({arguments}) {fields} }}", given)

    def _value(self, kind: Any, parent: str, name: str) -> Any:
        random = self._random
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        if isinstance(kind, GraphQLList):
            count = random.choice([1, 1, 2, 3])
            return [self._value(kind.of_type, parent, name) for _ in range(count)]
        for key in (f"{parent}.{name}", name):
            if key in _CHOICES:
                return random.choice(_CHOICES[key])
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind, parent)
        if isinstance(kind, GraphQLEnumType):
            return random.choice(list(kind.values))
        match kind.name:
            case "ID":
                return self._id(parent, name)
            case "Boolean":
                return random.random() < 0.5
            case "Int" | "BigInt" | "Float":
                return random.choice([0, 1, 2])
            case "JSON":
                return random.choice([{}, {"a": "b"}])
        return random.choice([*TEXTS, *(f"new {number}" for number in range(20))])

    def _object(self, kind: GraphQLInputObjectType, field: str) -> dict[str, Any]:
        parent = field if kind.name.startswith("Patch") or "Status" in kind.name else kind.name
        given = {
            name: self._value(made.type, parent, name)
            for name, made in kind.fields.items()
            if is_required_input_field(made) or self._random.random() < _share(name)
        }
        if kind.name == "CreateDocumentInput":
            name, prefix = self._random.choice(
                [("sourceObjectId", "obj"), ("sourceDocumentId", "doc")]
            )
            given[name] = self._random.choice(self._ids(prefix))
        if kind.name == "CollectionSourceInput":
            of_buckets = self._random.random() < 0.5
            given["type"] = "BUCKET" if of_buckets else "COLLECTION"
            given.pop("collectionIds" if of_buckets else "bucketIds", None)
        return given

    def _id(self, parent: str, name: str) -> str:
        word = (parent if name in ("id", "input") else name.removesuffix("s")).lower()
        word = name.lower() if name == "namespaces" else word
        fitting = [each for each in _PREFIXES if word.endswith(each)]
        prefix = (
            _PREFIXES[max(fitting, key=len)] if fitting else self._random.choice(["obj", "doc"])
        )
        return self._random.choice(self._ids(prefix))


def _share(name: str) -> float:
    return 0.9 if name in _WANTED else 0.06 if name in _SELDOM else 0.4


def selection(schema: GraphQLSchema, kind: Any, depth: int) -> str:
    """Return a selection of all that can be asked of a type without arguments, so deep."""
    if is_leaf_type(kind):
        return ""
    parts = ["__typename"]
    if not isinstance(kind, GraphQLObjectType):
        if isinstance(kind, GraphQLInterfaceType):
            parts += [name for name, made in kind.fields.items() if is_leaf_type(_bare(made))]
        members = schema.get_possible_types(kind) if depth else []
        parts += [f"... on {each} {selection(schema, each, depth - 1)}" for each in members]
        return "{ " + " ".join(parts) + " }"
    for name, made in kind.fields.items():
        if any(map(is_required_argument, made.args.values())):
            continue
        is_frame = kind.name.endswith("Connection")
        if is_leaf_type(_bare(made)) or depth > 0:
            below = depth if is_frame else depth - 1
            inner = selection(schema, _bare(made), below)
            # Members of an interface may have other types under one name.
            parts.append(f"{kind.name}_{name}: {name} {inner}")
    return "{ " + " ".join(parts) + " }"


def _bare(made: GraphQLField) -> Any:
    return get_named_type(made.type)

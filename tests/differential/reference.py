"""The API once more, in plain Python over rows in memory: what the read engine has to answer.

It shares nothing with the engine but the printed schema: fragments, aliases, directives and
variables are graphql-core's work, one resolver for each field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    execute_sync,
)

from .links import link
from .lists import BadInput, Cursor, Page, page, snake
from .world import Row, World

Arguments = Mapping[str, Any]

SCHEMA = Path(__file__).parents[2] / "schema.graphql"
_TYPES = {
    "ns": ("Namespace", "namespaces"),
    "key": ("ApiKey", "api_keys"),
    "bkt": ("Bucket", "buckets"),
    "obj": ("BucketObject", "objects"),
    "blob": ("Blob", "blobs"),
    "col": ("Collection", "collections"),
    "doc": ("Document", "documents"),
}
_KINDS = {table: (prefix, name) for prefix, (name, table) in _TYPES.items()}


class Undetermined(Exception):
    """The API leaves open what the answer is."""


class AnyOrder(NamedTuple):
    """A JSON value, of which the keys may come in any order."""

    value: Any


class Thing(NamedTuple):
    """A row seen as an object of a type."""

    type: str
    row: Any


@dataclass(frozen=True)
class Asking:
    """Who asks, and where."""

    namespace: str
    key: str
    namespaces: frozenset[str] | None
    is_admin: bool


@dataclass(frozen=True)
class View:
    """What one who asks can see.

    Args:
        cursors: What each cursor that the engine has given stands for.
    """

    world: World
    asking: Asking
    cursors: Mapping[str, Cursor]

    def rows(self, table: str, **equal: Any) -> list[Row]:
        return [
            row
            for row in self._visible(table)
            if all(row[name] == value for name, value in equal.items())
        ]

    def _visible(self, table: str) -> Iterable[Row]:
        rows = self.world.of(table, self.asking.namespace)
        if table == "namespaces":
            return [row for row in rows if row["id"] == self.asking.namespace]
        if table == "api_keys":
            mine = self.asking.namespaces
            return [
                row
                for row in rows
                if mine is None
                or row["id"] == self.asking.key
                or (row["namespaces"] is not None and mine.issuperset(row["namespaces"]))
            ]
        return rows

    def one(self, table: str, id_: str | None) -> Thing | None:
        found = self.rows(table, id=id_)
        return Thing(_KINDS[table][1], found[0]) if found else None

    def node(self, id_: str | None) -> Thing | None:
        prefix = (id_ or "").split("_")[0]
        if prefix not in _TYPES or (prefix == "key" and not self.asking.is_admin):
            return None
        return self.one(_TYPES[prefix][1], id_)

    def connection(self, table: str, rows: Iterable[Row], given: Arguments) -> Thing:
        prefix, name = _KINDS[table]
        name = name.removeprefix("Bucket") if table == "objects" else name
        return Thing(f"{name}Connection", page(prefix, rows, given, self.cursors))


class Answer(NamedTuple):
    """What the reference says: data, and whether anything was refused."""

    data: Any
    is_refused: bool


class Reference:
    """Answers documents."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.schema = _schema()

    def answer(
        self,
        document: DocumentNode,
        variables: dict[str, Any],
        asking: Asking,
        cursors: Mapping[str, Cursor],
    ) -> Answer:
        """Execute a document.

        Raises:
            Undetermined: Not even we can tell.
        """
        result = execute_sync(
            self.schema,
            document,
            context_value=View(self._world, asking, cursors),
            variable_values=variables,
            field_resolver=_resolve,
            type_resolver=lambda thing, *_: thing.type,
        )
        for error in result.errors or ():
            if isinstance(error.original_error, Undetermined):
                raise error.original_error
            if error.original_error and not isinstance(error.original_error, BadInput):
                raise error
        return Answer(result.data, bool(result.errors))


def _schema() -> GraphQLSchema:
    schema = build_schema(SCHEMA.read_text())
    moment, json = schema.type_map["DateTime"], schema.type_map["JSON"]
    assert isinstance(moment, GraphQLScalarType)
    assert isinstance(json, GraphQLScalarType)
    moment.coerce_output_value = _write_moment
    moment.coerce_input_value = datetime.fromisoformat
    moment.parse_value = datetime.fromisoformat  # type: ignore[assignment,method-assign]
    json.coerce_output_value = AnyOrder
    return schema


def _write_moment(moment: datetime) -> str:
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") + "+00:00"


def _resolve(source: Any, info: Any, **arguments: Any) -> Any:
    view: View = info.context
    own = _FIELDS.get((info.parent_type.name, info.field_name))
    if own is not None:
        return own(view, None if source is None else source.row, arguments)
    value = source.row[snake(info.field_name)]
    return float(value) if isinstance(value, Decimal) else value


# ---- figures ----------------------------------------------------------------------------------


def _sizes(view: View, bucket: Row) -> list[int]:
    return [row["size_bytes"] for row in view.rows("objects", bucket_id=bucket["id"])]


def _average(view: View, bucket: Row, _: Arguments) -> int:
    sizes = _sizes(view, bucket)
    if not sizes:
        return 0
    return int((Decimal(sum(sizes)) / len(sizes)).quantize(Decimal(1), ROUND_HALF_UP))


def _last_upload(view: View, bucket: Row, _: Arguments) -> datetime | None:
    return max(
        (row["created_at"] for row in view.rows("objects", bucket_id=bucket["id"])), default=None
    )


def _key_status(_: View, key: Row, __: Arguments) -> str:
    if key["revoked_at"]:
        return "REVOKED"
    is_over = key["expires_at"] and key["expires_at"] <= datetime.now(UTC)
    return "EXPIRED" if is_over else "ACTIVE"


def _status_counts(_: View, page: Page, __: Arguments) -> list[Thing]:
    statuses = [row["status"] for row in page.every]
    return [
        Thing("StatusCount", {"status": each, "count": statuses.count(each)})
        for each in sorted(set(statuses))
    ]


# ---- links ------------------------------------------------------------------------------------


def _expiry(given: Arguments) -> int:
    seconds = given.get("expiresIn")
    if seconds is None:
        return 3600
    if not 1 <= seconds <= 604800:
        raise BadInput("expiresIn is out of bounds")
    return int(seconds)


def _link(view: View, content: Row, given: Arguments) -> str | None:
    seconds = _expiry(given)
    if not content["has_bytes"]:
        return None
    mime_type = content["mime_type"] if "mime_type" in content else content["content_type"]
    key = f"{view.asking.namespace}/{content['hash']}"
    return link(key, seconds, content["filename"], mime_type)


def _links(view: View, document: Row, given: Arguments) -> list[str]:
    contents = [
        *(view.rows("blobs", id=each["blob_id"]) for each in document["source_blobs"]),
        _artifacts(view, document),
    ]
    signed = [_link(view, row, given) for rows in contents for row in rows]
    return [each for each in signed if each is not None]


def _primary_link(view: View, document: Row, given: Arguments) -> str | None:
    _expiry(given)
    own = len([each for each in _artifacts(view, document) if each["has_bytes"]])
    of_sources = _links(view, document, given)
    of_sources = of_sources[: len(of_sources) - own]
    return of_sources[0] if of_sources else None


def _artifacts(view: View, document: Row) -> list[Row]:
    found = view.rows("document_blobs", document_id=document["id"])
    return sorted(found, key=lambda row: row["position"])


# ---- lineage ----------------------------------------------------------------------------------


def _parent(row: Row) -> str | None:
    return row.get("source_document_id") or row.get("source_object_id")


def _source(view: View, document: Row, _: Arguments) -> Thing | None:
    return view.node(_parent(document))


def _ancestors(view: View, document: Row, _: Arguments) -> list[Thing]:
    above: list[Thing] = []
    parent = view.one("documents", document["source_document_id"])
    while parent is not None:
        above.insert(0, parent)
        parent = view.one("documents", parent.row["source_document_id"])
    return above


def _made_from(view: View, id_: str) -> list[Row]:
    return [
        *view.rows("documents", source_object_id=id_),
        *view.rows("documents", source_document_id=id_),
    ]


def _graph(direction: str, most_nodes: int) -> Callable[[View, Row | None, Arguments], Any]:
    def graph(view: View, row: Row | None, given: Arguments) -> Thing:
        way = given.get("direction") or direction
        depth = _bounded(given.get("depth"), 10, 0, 100)
        most = _bounded(given.get("maxNodes"), most_nodes, 1, 10_000)
        wanted = given.get("collectionIds")
        if wanted is not None and len(wanted) > 1000:
            raise BadInput("too many collections")
        start = view.node(given["id"] if row is None else row["id"])
        if start is None or start.type not in ("BucketObject", "Document"):
            raise BadInput("nothing to start from")
        above: list[list[Row]] = []
        below: list[list[Row]] = []
        if way != "DOWNSTREAM":
            above = _levels(start.row, lambda row: _above(view, row))
        if way != "UPSTREAM":
            below = _levels(start.row, lambda row: _made_from(view, row["id"]))

        def is_shown(row: Row) -> bool:
            return row is start.row or wanted is None or row.get("collection_id") in (None, *wanted)

        numbered = [(0, [start.row])]
        for levels in (above, below):
            numbered += enumerate([[*filter(is_shown, level)] for level in levels], 1)
        goes_on = any(level for distance, level in numbered if distance > depth)
        graph = _cut([each for each in numbered if each[0] <= depth], most, goes_on)
        ids = {node.row["id"] for node in graph["nodes"]}
        for _, level in numbered:
            for made in level:
                nearest = next(filter(is_shown, _all_above(view, made)), None)
                if made["id"] in ids and nearest is not None and nearest["id"] in ids:
                    graph["edges"].append(Thing("LineageEdge", made | {"made_from": nearest["id"]}))
        distances = {node.row["id"]: node.row["distance"] for node in graph["nodes"]}
        graph["edges"].sort(key=lambda edge: (distances[edge.row["id"]], edge.row["id"]))
        return Thing("LineageGraph", graph)

    return graph


def _above(view: View, row: Row) -> list[Row]:
    parent = view.node(_parent(row))
    return [parent.row] if parent else []


def _all_above(view: View, row: Row) -> list[Row]:
    return [each for level in _levels(row, lambda row: _above(view, row)) for each in level]


def _levels(start: Row, step: Callable[[Row], list[Row]]) -> list[list[Row]]:
    """Return what is one step away, two steps away, and so on."""
    levels: list[list[Row]] = []
    level = [start]
    while level := [each for row in level for each in step(row)]:
        levels.append(level)
    return levels


def _cut(levels: list[tuple[int, list[Row]]], most: int, goes_on: bool) -> dict[str, Any]:
    """Return the graph of levels, each with its distance from the start, yet without edges.

    Raises:
        Undetermined: Some of a level have to be left out; which, is nowhere said.
    """
    nodes: list[tuple[int, Row]] = []
    is_cut = False
    for distance, level in levels:
        is_cut = len(nodes) + len(level) > most
        if is_cut and len(nodes) < most:
            raise Undetermined
        if is_cut:
            break
        nodes += [(distance, row) for row in level]
    nodes.sort(key=lambda node: (node[0], node[1]["id"]))
    reason = "maxNodes" if is_cut else "depth" if goes_on else None
    return {
        "root": nodes[0][1]["id"],
        "nodes": [
            Thing("LineageNode", {"id": row["id"], "distance": distance}) for distance, row in nodes
        ],
        "edges": [],
        "complete": reason is None,
        "truncated_by": reason,
    }


def _bounded(value: int | None, default: int, least: int, most: int) -> int:
    if value is None:
        return default
    if not least <= value <= most:
        raise BadInput("out of bounds")
    return value


def _extractor(view: View, edge: Row, _: Arguments) -> str:
    collection = view.rows("collections", id=edge["collection_id"])[0]
    return f"{collection['extractor_name']}_{collection['extractor_version']}"


# ---- lists ------------------------------------------------------------------------------------


def _documents(column: str) -> Callable[[View, Row, Arguments], Thing]:
    def documents(view: View, row: Row, given: Arguments) -> Thing:
        found = view.rows("documents", **{column: row["id"]})
        if given.get("directOnly"):
            found = [each for each in found if each["source_object_id"] == row["id"]]
        return view.connection("documents", found, given)

    return documents


def _buckets(view: View, _: None, given: Arguments) -> Thing:
    rows = [row for row in view.rows("buckets") if row["status"] != "IN_PROGRESS"]
    return view.connection("buckets", rows, given)


def _named(table: str, column: str) -> Callable[[View, None, Arguments], Thing | None]:
    def named(view: View, _: None, given: Arguments) -> Thing | None:
        id_, name = given.get("id"), given.get("name")
        if (id_ is None) == (name is None):
            raise BadInput("either an id or a name")
        if id_ is not None:
            return view.one(table, id_)
        # A bucket that is being deleted has no name any more.
        found = [
            row for row in view.rows(table, **{column: name}) if row.get("status") != "IN_PROGRESS"
        ]
        return view.one(table, found[0]["id"]) if found else None

    return named


def _sources(view: View, collection: Row) -> list[Row]:
    found = view.rows("collection_sources", collection_id=collection["id"])
    return sorted(found, key=lambda row: row["position"])


def _source_ids(column: str) -> Callable[[View, Row, Arguments], list[str]]:
    return lambda view, row, _: [each[column] for each in _sources(view, row) if each[column]]


def _downstream(view: View, collection: Row, _: Arguments) -> list[Thing | None]:
    found = view.rows("collection_sources", source_collection_id=collection["id"])
    return [view.node(id_) for id_ in sorted(row["collection_id"] for row in found)]


def _edges(_: View, page: Page, __: Arguments) -> list[Thing]:
    name = {"bkt": "BucketEdge", "obj": "ObjectEdge", "col": "CollectionEdge"}
    return [
        Thing(
            name.get(page.kind, "DocumentEdge"),
            {"cursor": page.cursor(row), "node": Thing(_TYPES[page.kind][0], row)},
        )
        for row in page.shown
    ]


def _page_info(_: View, page: Page, __: Arguments) -> Thing:
    ends = [page.cursor(row) for row in (page.shown[:1] + page.shown[-1:])]
    return Thing(
        "PageInfo",
        {
            "has_next_page": page.goes_on,
            "has_previous_page": page.went_on,
            "start_cursor": ends[0] if ends else None,
            "end_cursor": ends[-1] if ends else None,
        },
    )


# ---- where a field's value comes from, if not from the column of its name ----------------------

Resolver = Callable[[View, Any, Arguments], Any]


def _column(name: str) -> Resolver:
    return lambda _, row, __: row[name]


def _one(table: str, column: str) -> Resolver:
    return lambda view, row, _: view.one(table, row[column])


def _seen_as(name: str) -> Resolver:
    return lambda _, row, __: Thing(name, row)


def _records(name: str, column: str) -> Resolver:
    return lambda _, row, __: [Thing(name, each) for each in row[column]]


def _nodes(_: View, page: Page, __: Arguments) -> list[Thing]:
    return [Thing(_TYPES[page.kind][0], row) for row in page.shown]


_FIELDS: dict[tuple[str, str], Resolver] = {
    ("Query", "viewer"): lambda _, __, ___: Thing("Viewer", None),
    ("Query", "buckets"): _buckets,
    ("Query", "bucket"): _named("buckets", "bucket_name"),
    ("Query", "object"): lambda view, _, given: view.one("objects", given["id"]),
    ("Query", "collections"): lambda view, _, given: view.connection(
        "collections", view.rows("collections"), given
    ),
    ("Query", "collection"): _named("collections", "collection_name"),
    ("Query", "document"): lambda view, _, given: view.one("documents", given["id"]),
    ("Query", "upload"): lambda _, __, ___: None,  # the world has none
    ("Query", "lineage"): _graph("BOTH", 1000),
    ("Query", "node"): lambda view, _, given: view.node(given["id"]),
    ("Query", "nodes"): lambda view, _, given: [view.node(each) for each in given["ids"]],
    ("Viewer", "namespace"): lambda view, _, __: view.one("namespaces", view.asking.namespace),
    ("Viewer", "apiKey"): lambda view, _, __: view.one("api_keys", view.asking.key),
    ("ApiKey", "status"): _key_status,
    ("Namespace", "namespaceId"): _column("id"),
    ("Namespace", "bucketCount"): lambda view, _, __: len(
        [row for row in view.rows("buckets") if row["status"] != "IN_PROGRESS"]
    ),
    ("Namespace", "objectCount"): lambda view, _, __: len(view.rows("objects")),
    ("Namespace", "documentCount"): lambda view, _, __: len(view.rows("documents")),
    ("Bucket", "bucketId"): _column("id"),
    ("Bucket", "objectCount"): lambda view, row, _: len(_sizes(view, row)),
    ("Bucket", "totalSizeBytes"): lambda view, row, _: sum(_sizes(view, row)),
    ("Bucket", "uniqueKey"): lambda _, row, __: (
        Thing("UniqueKey", row) if row["unique_key_fields"] else None
    ),
    ("UniqueKey", "fields"): _column("unique_key_fields"),
    ("UniqueKey", "defaultPolicy"): _column("unique_key_policy"),
    ("Bucket", "storageStats"): _seen_as("StorageStats"),
    ("Bucket", "lastUploadAt"): _last_upload,
    ("Bucket", "objects"): lambda view, row, given: view.connection(
        "objects", view.rows("objects", bucket_id=row["id"]), given
    ),
    ("Bucket", "documents"): _documents("root_bucket_id"),
    ("StorageStats", "totalSizeBytes"): lambda view, row, _: sum(_sizes(view, row)),
    ("StorageStats", "avgSizeBytes"): _average,
    ("StorageStats", "maxSizeBytes"): lambda view, row, _: max(_sizes(view, row), default=0),
    ("StorageStats", "minSizeBytes"): lambda view, row, _: min(_sizes(view, row), default=0),
    ("BucketObject", "objectId"): _column("id"),
    ("BucketObject", "bucket"): _one("buckets", "bucket_id"),
    ("BucketObject", "blobs"): lambda view, row, _: [
        Thing("Blob", each)
        for each in sorted(
            view.rows("blobs", object_id=row["id"]), key=lambda each: int(each["position"])
        )
    ],
    ("BucketObject", "sourceDetails"): lambda _, row, __: [Thing("SourceDetails", row)],
    ("BucketObject", "documentCount"): lambda view, row, _: len(
        view.rows("documents", root_object_id=row["id"])
    ),
    ("BucketObject", "documents"): _documents("root_object_id"),
    ("BucketObject", "lineage"): _graph("DOWNSTREAM", 500),
    ("SourceDetails", "type"): lambda _, __, ___: "BUCKET",
    ("SourceDetails", "sourceId"): _column("bucket_id"),
    ("Blob", "blobId"): _column("id"),
    ("Blob", "details"): _seen_as("BlobDetails"),
    ("Blob", "presignedUrl"): _link,
    ("Blob", "sharedBy"): lambda view, row, _: (
        len(view.rows("blobs", hash=row["hash"])) if row["hash"] else 1
    ),
    ("Collection", "collectionId"): _column("id"),
    ("Collection", "source"): _seen_as("CollectionSource"),
    ("Collection", "featureExtractor"): _seen_as("FeatureExtractor"),
    ("Collection", "documentCount"): lambda view, row, _: len(
        view.rows("documents", collection_id=row["id"])
    ),
    ("Collection", "upstream"): lambda view, row, _: [
        view.node(each["bucket_id"] or each["source_collection_id"]) for each in _sources(view, row)
    ],
    ("Collection", "downstream"): _downstream,
    ("Collection", "documents"): _documents("collection_id"),
    ("CollectionSource", "type"): _column("source_type"),
    ("CollectionSource", "bucketIds"): _source_ids("bucket_id"),
    ("CollectionSource", "collectionIds"): _source_ids("source_collection_id"),
    ("FeatureExtractor", "name"): _column("extractor_name"),
    ("FeatureExtractor", "version"): _column("extractor_version"),
    ("FeatureExtractor", "fieldPassthrough"): _records("FieldPassthrough", "field_passthrough"),
    ("Document", "documentId"): _column("id"),
    ("Document", "collection"): _one("collections", "collection_id"),
    ("Document", "rootObject"): _one("objects", "root_object_id"),
    ("Document", "rootBucket"): _one("buckets", "root_bucket_id"),
    ("Document", "source"): _source,
    ("Document", "lineageChain"): _records("LineageStep", "lineage_chain"),
    ("Document", "ancestors"): _ancestors,
    ("Document", "children"): _documents("source_document_id"),
    ("Document", "sourceBlobs"): _records("SourceBlobRef", "source_blobs"),
    ("Document", "documentBlobs"): lambda view, row, _: [
        Thing("DocumentBlob", each) for each in _artifacts(view, row)
    ],
    ("Document", "presignedUrl"): _primary_link,
    ("Document", "presignedUrls"): _links,
    ("Document", "features"): _records("Feature", "features"),
    ("Document", "lineage"): _graph("UPSTREAM", 500),
    ("LineageStep", "collection"): _one("collections", "collection_id"),
    ("LineageStep", "document"): _one("documents", "document_id"),
    ("LineageStep", "timestamp"): lambda _, row, __: datetime.fromisoformat(row["timestamp"]),
    ("SourceBlobRef", "blob"): _one("blobs", "blob_id"),
    ("DocumentBlob", "checksum"): _column("hash"),
    ("DocumentBlob", "presignedUrl"): _link,
    ("LineageNode", "node"): lambda view, row, _: view.node(row["id"]),
    ("LineageNode", "childCount"): lambda view, row, _: len(_made_from(view, row["id"])),
    ("LineageEdge", "from"): _column("made_from"),
    ("LineageEdge", "to"): _column("id"),
    ("LineageEdge", "featureExtractorId"): _extractor,
    ("LineageEdge", "at"): _column("created_at"),
}
for _kind in ("Bucket", "Object", "Collection", "Document"):
    _FIELDS |= {
        (f"{_kind}Connection", "nodes"): _nodes,
        (f"{_kind}Connection", "edges"): _edges,
        (f"{_kind}Connection", "pageInfo"): _page_info,
        (f"{_kind}Connection", "totalCount"): lambda _, page, __: len(page.every),
        (f"{_kind}Connection", "statusCounts"): _status_counts,
    }

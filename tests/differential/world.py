"""Random data in two namespaces with equal ids: as plain dicts, and written into a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import asyncpg

from gateway.database.connecting import prepare_connection

Row = dict[str, Any]

STATUSES = [
    "PENDING",
    "QUEUED",
    "IN_PROGRESS",
    "PROCESSING",
    "COMPLETED",
    "COMPLETED_WITH_ERRORS",
    "FAILED",
    "CANCELED",
    "UNKNOWN",
    "SKIPPED",
    "DRAFT",
    "ACTIVE",
    "ARCHIVED",
    "SUSPENDED",
]
TYPES = ["STRING", "TEXT", "IMAGE", "PDF", "JSON", "BINARY"]
HASHES = [f"{number:064x}" for number in range(6)]
ROLES = ["SOURCE", "PROCESSED", "THUMBNAIL", "ARTIFACT", "AUX"]
# Few of them, so that rows tie; each means something to SQL, LIKE, JSON or a URL.
TEXTS = ["", "a", "A", "ab", "aB", "AB", "a%b", "a_b", "axb", "a\\b", "a'b", 'a"b', "%", "_", "\\"]
TEXTS += [
    "ä",
    "Ä",
    "日本",
    "😀",
    "\ufffd",
    " a",
    "a\nb",
    "null",
    "10",
    "9",
    "/a/b",
    "/a",
    "~",
    "{}",
]
NUMBERS: list[Any] = [0, 1, 1.0, -1, 2.5, 0.1, 10, 9, 1e22, 2**53 + 1, -0.5, 1e-7]
SCALARS: list[Any] = [
    *NUMBERS,
    True,
    False,
    None,
    None,
    None,
    "1",
    "1.0",
    "10",
    "a",
    "A",
    "ä",
    "a%b",
    "",
    "_",
]
PATHS = ["n", "t", "deep", "deep.x", "deep.x.y", "/deep/a.b", "list", "list.0", "list.-1", "list.x"]
PATHS += ["ü", "flag", "/", "/a~1b", "/a~1b", "any", "nowhere"]

_SECONDS = [0, 0, 1, 1.1, 1.123456, 60]
MOMENTS = [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=each) for each in _SECONDS]
_WRITTEN_MOMENTS = ["2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05.120000Z"]
_WRITTEN_MOMENTS += ["2026-01-02T03:04:05.5+05:30"]
OURS, THEIRS = (f"ns_{number:026d}" for number in (1, 2))


def random_of(seed: object) -> Random:
    """Return what always draws the same for a seed."""
    return Random(str(seed))  # noqa: S311 - nothing here is secret


def an_id(prefix: str, number: int) -> str:
    return f"{prefix}_{number:026d}"


OWN_KEY = an_id("key", 1)
_DEEPEST = 5


class World:
    """All rows, by table; ``namespaces`` and ``api_keys`` belong to no namespace."""

    def __init__(self, seed: int) -> None:
        self.tables: dict[str, list[Row]] = {
            "namespaces": [
                _dated(random_of(seed), id=OURS, namespace_name="ours", description=None),
                _dated(random_of(seed), id=THEIRS, namespace_name="theirs", description='"%_\\'),
            ],
            "api_keys": _api_keys(random_of(seed)),
        }
        for namespace in (OURS, THEIRS):
            Filling(random_of(f"{seed} {namespace}"), namespace).fill(self.tables)
        self._of: dict[tuple[str, str], list[Row]] = {}
        for table, rows in self.tables.items():
            for row in rows:
                if "namespace_id" in row:
                    self._of.setdefault((table, row["namespace_id"]), []).append(row)

    def of(self, table: str, namespace: str) -> list[Row]:
        """Return a table's rows of one namespace; all, if they belong to none."""
        return self._of.get((table, namespace), self.tables[table])

    async def write(self, url: str) -> None:
        """Insert all rows as clients' writes would; triggers do the counting."""
        connection = await asyncpg.connect(url)
        await prepare_connection(connection)
        for namespace in (None, OURS, THEIRS):
            async with connection.transaction():
                if namespace:
                    await connection.execute(
                        "SELECT set_config('app.namespace_id', $1, true)", namespace
                    )
                for table, rows in self.tables.items():
                    for row in rows:
                        if row.get("namespace_id") == namespace:
                            await _insert(connection, table, row)
        await connection.close()


async def _insert(connection: asyncpg.Connection, table: str, row: Row) -> None:
    names = ", ".join(row)
    places = ", ".join(f"${index}" for index in range(1, len(row) + 1))
    await connection.execute(
        f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608
        *row.values(),
    )


def _dated(random: Random, **columns: Any) -> Row:
    return columns | {
        "created_at": random.choice(MOMENTS),
        "updated_at": random.choice(MOMENTS),
        "version": random.randint(1, 3),
    }


def _api_keys(random: Random) -> list[Row]:
    long_ago, far_ahead = MOMENTS[0].replace(year=2020), MOMENTS[0].replace(year=2999)
    kinds: list[tuple[list[str] | None, dict[str, Any]]] = [
        (None, {}),
        (None, {"revoked_at": long_ago}),
        ([OURS], {"expires_at": far_ahead}),
        ([THEIRS], {"expires_at": long_ago}),
        ([OURS, THEIRS], {"last_used_at": long_ago}),
        ([], {"revoked_at": long_ago, "expires_at": long_ago}),
    ]
    return [
        _dated(
            random,
            id=an_id("key", number),
            name=random.choice(TEXTS),
            key_prefix="sk_",
            secret_sha256=bytes([number]),
            permissions=["READ", "ADMIN"],
            namespaces=namespaces,
            **dict.fromkeys(("expires_at", "revoked_at", "last_used_at")) | moments,
        )
        for number, (namespaces, moments) in enumerate(kinds, 1)
    ]


class Origin(NamedTuple):
    """What the descendants of a document share with it, and how deep it stands."""

    root_object_id: str
    root_bucket_id: str
    depth: int


class Filling:
    """Makes the rows of one namespace."""

    def __init__(self, random: Random, namespace: str) -> None:
        self._random = random
        self._namespace = namespace
        self._origins: dict[str, Origin] = {}

    def fill(self, tables: dict[str, list[Row]]) -> None:
        """Add the rows, each after those that it refers to, otherwise in no order."""
        buckets = self._buckets()
        objects = self._objects(buckets)
        blobs = self._blobs(objects)
        collections = self._collections()
        sources = self._sources(buckets, collections)
        documents = self._documents(objects, blobs, collections)
        made = {
            "buckets": buckets,
            "objects": objects,
            "blobs": blobs,
            "contents": self._contents(),
            "collections": collections,
            "collection_sources": sources,
            "documents": documents,
            "document_blobs": self._document_blobs(documents, blobs),
        }
        for name, rows in made.items():
            if name != "documents":
                self._random.shuffle(rows)
            tables.setdefault(name, []).extend(rows)

    def _ids(self, prefix: str, most: int) -> list[str]:
        """Return ids that the other namespace mostly has as well, in any order."""
        some = [number for number in range(1, most + 1) if self._random.random() < 0.9]
        self._random.shuffle(some)
        return [an_id(prefix, number) for number in some]

    def _row(self, **columns: Any) -> Row:
        return _dated(self._random, namespace_id=self._namespace, **columns)

    def _text(self) -> str:
        return self._random.choice(TEXTS)

    def _maybe(self, value: Any) -> Any:
        return None if self._random.random() < 0.3 else value

    def _json(self, depth: int = 2) -> Any:
        random = self._random
        kind = random.random() if depth else 1
        if kind < 0.15:
            return [self._json(depth - 1) for _ in range(random.randint(0, 2))]
        if kind < 0.3:
            keys = random.sample(["x", "y", "a.b", "longer", ""], random.randint(0, 3))
            return {key: self._json(depth - 1) for key in keys}
        return random.choice(SCALARS)

    def _metadata(self) -> Row:
        random = self._random
        choices: dict[str, Any] = {
            "n": random.choice(NUMBERS),
            "t": self._text(),
            "deep": {"x": self._json(1), "a.b": random.choice(SCALARS)},
            "list": [random.choice(SCALARS) for _ in range(random.randint(0, 3))],
            "flag": random.random() < 0.5,
            "ü": random.choice(SCALARS),
            "": random.choice(SCALARS),
            "a/b": random.choice(SCALARS),
            "any": self._json(),
        }
        return {key: value for key, value in choices.items() if random.random() < 0.7}

    def _buckets(self) -> list[Row]:
        ids = self._ids("bkt", 7)
        names = self._random.sample(TEXTS, len(ids) - 1)
        rows = [
            self._row(
                id=id_,
                bucket_name=name,
                description=self._maybe(self._text()),
                bucket_schema={"properties": {"b": {"type": "text"}, "a": {"type": "image"}}},
                unique_key_fields=self._random.choice([None, ["a"], ["b", "/c.d"]]),
                unique_key_policy=None,
                metadata=self._metadata(),
                status=self._random.choice(["ACTIVE", "ACTIVE", "ARCHIVED", "SUSPENDED"]),
                is_locked=self._random.random() < 0.3,
            )
            # A bucket that is being deleted has left its name to another one.
            for id_, name in zip(ids, [names[0], *names], strict=True)
        ]
        rows[0]["status"] = "IN_PROGRESS"
        for row in rows:
            if row["unique_key_fields"]:
                row["unique_key_policy"] = self._random.choice([None, "UPSERT"])
        return rows

    def _objects(self, buckets: list[Row]) -> list[Row]:
        return [
            self._row(
                id=id_,
                bucket_id=self._random.choice(buckets[:-1])["id"],  # the last one stays empty
                key_prefix=self._maybe(self._text()),
                metadata=self._metadata(),
                content_hash=self._maybe(self._hash()),
                size_bytes=self._random.choice([0, 0, 1, 7, 7, 100, 2**40]),
                skip_duplicates=self._random.random() < 0.5,
                status=self._random.choice(["DRAFT", "DRAFT", "COMPLETED", *STATUSES]),
                error=self._maybe(self._text()),
            )
            for id_ in self._ids("obj", 30)
        ]

    def _hash(self) -> str:
        return self._random.choice(HASHES)

    def _contents(self) -> list[Row]:
        return [
            {
                "namespace_id": self._namespace,
                "hash": each,
                "size_bytes": 1,
                "key": f"{self._namespace}/{each}",
            }
            for each in HASHES
        ]

    def _content(self) -> dict[str, Any]:
        content_hash = self._maybe(self._hash())
        return {
            "hash": content_hash,
            "has_bytes": content_hash is not None and self._random.random() < 0.7,
            "filename": self._maybe(self._text()),
            "size_bytes": self._maybe(self._random.choice([0, 1, 2**40])),
            "properties": self._metadata(),
        }

    def _blobs(self, objects: list[Row]) -> list[Row]:
        slots = [
            (each, position)
            for each in objects
            for position in self._random.sample(range(5), self._random.randint(0, 3))
        ]
        numbers = self._random.sample(range(1, 100), len(slots))
        rows = [
            self._row(
                id=an_id("blob", number),
                object_id=owner["id"],
                bucket_id=owner["bucket_id"],
                position=position,
                property=self._text(),
                type=self._random.choice(TYPES),
                key_prefix=self._maybe(self._text()),
                mime_type=self._maybe(self._random.choice(["image/png", 'text/x"&='])),
                source_url=self._maybe(self._text()),
                **self._content(),
            )
            for number, (owner, position) in zip(numbers, slots, strict=True)
        ]
        return [_without(row, "updated_at", "version") for row in rows]

    def _collections(self) -> list[Row]:
        ids = self._ids("col", 6)
        return [
            self._row(
                id=id_,
                collection_name=name,
                enabled=self._random.random() < 0.5,
                source_type=self._random.choice(["BUCKET", "COLLECTION"]),
                extractor_name=self._text(),
                extractor_version=self._text(),
                input_mappings=self._metadata(),
                field_passthrough=[
                    {"source_path": self._text(), "target_path": self._maybe(self._text())}
                    for _ in range(self._random.randint(0, 2))
                ],
                parameters=self._metadata(),
                metadata=self._metadata(),
            )
            for id_, name in zip(ids, self._random.sample(TEXTS, len(ids)), strict=True)
        ]

    def _sources(self, buckets: list[Row], collections: list[Row]) -> list[Row]:
        rows = []
        for fed in collections:
            of_bucket = fed["source_type"] == "BUCKET"
            sources = self._random.sample(buckets if of_bucket else collections, 3)
            positions = self._random.sample(range(5), self._random.randint(0, 3))
            rows += [
                {
                    "namespace_id": self._namespace,
                    "collection_id": fed["id"],
                    "position": position,
                    "bucket_id": source["id"] if of_bucket else None,
                    "source_collection_id": None if of_bucket else source["id"],
                }
                for position, source in zip(positions, sources, strict=False)
            ]
        return rows

    def _documents(self, objects: list[Row], blobs: list[Row], collections: list[Row]) -> list[Row]:
        rows: list[Row] = []
        for id_ in self._ids("doc", 80):
            row = self._row(
                id=id_,
                collection_id=self._random.choice(collections)["id"],
                **self._lineage(id_, objects, rows),
                lineage_path=self._maybe(self._text()),
                lineage_chain=[self._step(collections, rows) for _ in range(self._few())],
                source_blobs=[self._reference(blobs) for _ in range(self._few())],
                features=[
                    {"feature_extractor_id": self._text(), "payload": self._metadata()}
                    for _ in range(self._few())
                ],
                vector=self._maybe([self._random.choice([0.0, 0.1, 1e22, -2.5, 1e-7])]),
                metadata=self._metadata(),
                internal_metadata=self._metadata(),
                status=self._random.choice(["COMPLETED", "COMPLETED", *STATUSES]),
                error=self._maybe(self._text()),
            )
            rows.append(row)
        return rows

    def _few(self) -> int:
        return self._random.choice([0, 1, 2])

    def _lineage(self, id_: str, objects: list[Row], others: list[Row]) -> Row:
        """Return where a document comes from: an object, another document, or nowhere."""
        columns = ["root_object_id", "root_bucket_id", "source_type", "source_object_id"]
        none: Row = dict.fromkeys([*columns, "source_document_id", "source_collection_id"])
        kind = self._random.random()
        parents = [each for each in others if self._origins.get(each["id"], _NO_PARENT).depth]
        if kind < 0.05:
            return none
        if kind < 0.35 or not parents:
            parent = self._random.choice(objects)
            self._origins[id_] = Origin(parent["id"], parent["bucket_id"], 1)
            source: Row = {"source_type": "BUCKET", "source_object_id": parent["id"]}
        else:
            parent = self._random.choice(parents)
            origin = self._origins[parent["id"]]
            depth = (origin.depth + 1) % (_DEEPEST + 1)  # the deepest have no children
            self._origins[id_] = origin._replace(depth=depth)
            source = {
                "source_type": "COLLECTION",
                "source_document_id": parent["id"],
                "source_collection_id": parent["collection_id"],
            }
        mine = self._origins[id_]
        roots = {"root_object_id": mine.root_object_id, "root_bucket_id": mine.root_bucket_id}
        return none | roots | source

    def _step(self, collections: list[Row], documents: list[Row]) -> Row:
        known = [each["id"] for each in documents] or [None]
        return {
            "collection_id": self._random.choice([*collections, {"id": an_id("col", 99)}])["id"],
            "feature_extractor_id": self._text(),
            "document_id": self._maybe(self._random.choice(known)),
            "timestamp": self._random.choice(_WRITTEN_MOMENTS),
        }

    def _reference(self, blobs: list[Row]) -> Row:
        return {
            "blob_id": self._random.choice([*blobs, {"id": an_id("blob", 999)}])["id"],
            "blob_property": self._text(),
            "blob_type": self._random.choice(TYPES),
        }

    def _document_blobs(self, documents: list[Row], blobs: list[Row]) -> list[Row]:
        return [
            _without(
                self._row(
                    document_id=document["id"],
                    position=position,
                    field=self._text(),
                    role=self._random.choice(ROLES),
                    type=self._random.choice(TYPES),
                    content_type=self._maybe("image/png"),
                    source_blob_id=self._maybe(self._random.choice(of_root)["id"])
                    if of_root
                    else None,
                    **self._content(),
                ),
                "updated_at",
                "version",
            )
            for document in documents
            # No client can name a blob of another object: that object could not be deleted.
            for of_root in [
                [each for each in blobs if each["object_id"] == document["root_object_id"]]
            ]
            for position in self._random.sample(range(4), self._few())
        ]


_NO_PARENT = Origin("", "", 0)


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}

"""Random documents: valid by the schema, with ids, values and cursors that hit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from .jsonb import NOTHING, at
from .lists import snake
from .world import MOMENTS, OURS, PATHS, SCALARS, STATUSES, TEXTS, THEIRS, World, an_id

Draw = Callable[[], Any]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TABLES = {"Bucket": "buckets", "Object": "objects", "Document": "documents"}
_TEXT_COLUMNS = {
    "Bucket": ["bucketName"],
    "Object": ["keyPrefix", "contentHash"],
    "Document": ["lineagePath"],
}
_PREFIXES = ["ns", "key", "bkt", "obj", "blob", "col", "doc", "evt"]
# As many rows as a list without arguments may have, about.
_LENGTHS = {"lineage": 6, "ancestors": 2, "nodes": 4, "upstream": 2, "downstream": 2}
_MOST_ROWS = 400
# What they say depends on what else was ever written to the database.
_OF_THE_LOG = {"history", "watermark", "eventCursor"}


class Tree(NamedTuple):
    """An input value of a type: an object, a list, or a leaf that is drawn."""

    type: str
    content: dict[str, Tree] | list[Tree] | Draw


@dataclass
class Case:
    """A document, and what gives values for its variables."""

    text: str
    draws: Sequence[Callable[[], Mapping[str, Any]]]
    is_spoilt: bool = False

    def variables(self) -> dict[str, Any]:
        return {name: value for draw in self.draws for name, value in draw().items()}


@dataclass
class Orders:
    """The orders that lists are asked for in; few, so that there are cursors of each."""

    of: dict[str, list[list[dict[str, str]]]] = field(default_factory=dict)

    @classmethod
    def some(cls, random: Random, schema: GraphQLSchema) -> Orders:
        made = cls({"Collection": [[]]})
        for name in _TEXT_COLUMNS:
            sort = schema.type_map[f"{name}Sort"]
            assert isinstance(sort, GraphQLEnumType)
            ones = [
                {"field": each, "direction": way, **({"metadataPath": path} if path else {})}
                for each in sort.values
                for way in ("ASC", "DESC")
                for path in (["n", "any", "deep.x"] if each == "METADATA" else [""])
            ]
            several = [random.sample(ones, random.choice([2, 2, 3, 5])) for _ in range(5)]
            made.of[name] = [[], *[[each] for each in ones], *several]
        return made


class Generator:
    """Makes one document.

    Args:
        cursors: Those that the engine has given for rows of a kind in an order.
    """

    def __init__(
        self,
        random: Random,
        schema: GraphQLSchema,
        world: World,
        orders: Orders,
        cursors: Callable[[str, Sequence[Mapping[str, str]]], Sequence[str]],
    ) -> None:
        self._random = random
        self._schema = schema
        self._world = world
        self._orders = orders
        self._cursors = cursors
        self._names = 0
        self._variables: dict[str, str] = {}
        self._draws: list[Callable[[], Mapping[str, Any]]] = []
        self._fragments: list[str] = []
        self._spoils = random.random() < 0.1
        self._is_spoilt = False

    def case(self) -> Case:
        query = self._schema.query_type
        assert query is not None
        roots = self._lists(query) if self._chance(0.5) else self._root(query)
        for _ in range(self._random.choice([0, 0, 0, 1])):
            roots += " " + self._root(query)
        if self._chance(0.05):
            roots += " __typename __schema { queryType { name } }"
        if self._chance(0.1):
            roots = f"...{self._fragment('Query', '{ ' + roots + ' }')}"
        heads = ", ".join(f"${name}: {kind}" for name, kind in self._variables.items())
        text = f"query Q({heads}) {{ {roots} }}" if heads else f"{{ {roots} }}"
        self._spoils = False  # values that are drawn later are good ones
        return Case("\n".join([text, *self._fragments]), self._draws, self._is_spoilt)

    # ---- chance ---------------------------------------------------------------------------------

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _spoil(self, share: float) -> bool:
        """Tell whether to put a fault into the document here; one is enough."""
        if self._spoils and self._chance(share):
            self._spoils, self._is_spoilt = False, True
            return True
        return False

    def _name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}{self._names}"

    # ---- selections -----------------------------------------------------------------------------

    def _root(self, query: GraphQLObjectType) -> str:
        names = [name for name in query.fields if name != "statusTransitions"]
        name = self._random.choice([*names, "buckets", "node", "nodes", "object", "document"])
        alias = f"{self._name('r')}: "
        return self._field(query, name, self._random.choice([1, 1, 2, 2, 3]), 1, alias)

    def _lists(self, query: GraphQLObjectType) -> str:
        """Return lists with little in them: quick to run, and they tell which rows fit a filter."""
        name, below = self._random.choice(
            [
                ("buckets", ""),
                ("bucket", "objects"),
                ("bucket", "objects"),
                ("bucket", "documents"),
                ("collection", "documents"),
                ("object", "documents"),
                ("document", "children"),
            ]
        )
        if not below:
            return " ".join(self._list(query, name) for _ in range(4))
        parent = get_named_type(query.fields[name].type)
        assert isinstance(parent, GraphQLObjectType)
        prefix = {"bucket": "bkt", "collection": "col", "object": "obj"}.get(name, "doc")
        start = self._put(Tree("ID!", lambda: self._id(prefix, 0.97)), 0.4)
        lists = " ".join(self._list(parent, below) for _ in range(4))
        return f"{name}(id: {start}) {{ {lists} }}"

    def _list(self, parent: GraphQLObjectType, name: str) -> str:
        _, arguments = self._arguments(parent, name, parent.fields[name], 1, filtered=0.9)
        fields = f"{{ totalCount nodes {{ id }} {self._spare_fields()} }}"
        return f"{self._name('l')}: {name}{arguments} {fields}"

    def _spare_fields(self) -> str:
        info = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
        return self._random.choice(["", "", info, "edges { cursor }"])

    def _selection(self, kind: GraphQLNamedType, depth: int, rows: int) -> str:
        if self._chance(0.03):
            return "{ __typename }"
        parts: list[str] = []
        if is_abstract_type(kind):
            parts += self._variants(kind, depth, rows)
        else:
            assert isinstance(kind, GraphQLObjectType)
            parts += self._fields(kind, depth, rows)
        if self._chance(0.15):
            parts.append("__typename")
        self._random.shuffle(parts)
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    def _variants(self, kind: Any, depth: int, rows: int) -> list[str]:
        possible = self._schema.get_possible_types(kind)
        chosen = self._random.sample(possible, self._random.randint(1, min(4, len(possible))))
        parts = [self._spread(each, depth, rows) for each in chosen]
        if isinstance(kind, GraphQLInterfaceType):
            parts += self._random.choice([[], ["id"], ["... on Node { id }"], ["again: id"]])
        return parts

    def _spread(self, kind: GraphQLNamedType, depth: int, rows: int) -> str:
        fields = self._selection(kind, depth, rows)
        directive = self._directive()
        if self._chance(0.3):
            return f"...{self._fragment(kind.name, fields)}{directive}"
        return f"... on {kind.name}{directive} {fields}"

    def _fragment(self, on: str, fields: str) -> str:
        name = self._name("F")
        self._fragments.append(f"fragment {name} on {on} {fields}")
        return name

    def _fields(self, kind: GraphQLObjectType, depth: int, rows: int) -> list[str]:
        fields = {name: kind.fields[name] for name in kind.fields if name not in _OF_THE_LOG}
        leaves = [name for name, each in fields.items() if _is_leaf(each)]
        deep = [name for name, each in fields.items() if not _is_leaf(each)]
        is_frame = kind.name.endswith(("Connection", "Edge", "Graph", "Viewer"))
        chosen = self._random.sample(leaves, self._random.randint(0, min(3, len(leaves))))
        if deep and (depth > 0 or is_frame):
            most = min(2, len(deep))
            chosen += self._random.sample(deep, self._random.randint(1, most))
        if not chosen and leaves:
            chosen = [self._random.choice(leaves)]
        parts = []
        for name in chosen:
            below = (
                depth if is_frame and name in ("nodes", "edges", "node", "pageInfo") else depth - 1
            )
            parts.append(self._field(kind, name, below, rows))
        if leaves and self._chance(0.01):  # more than one call of PostgreSQL can take
            parts += [f"x{index}: {self._random.choice(_plain(kind))}" for index in range(60)]
        if self._chance(0.1):
            parts.append(self._inner_fragment(kind, depth, rows))
        return parts

    def _inner_fragment(self, kind: GraphQLObjectType, depth: int, rows: int) -> str:
        if kind.interfaces and self._chance(0.3):
            return "... on Node { id }"
        if self._chance(0.5):
            return self._spread(kind, min(depth, 1), rows)
        return f"...{self._directive()} {self._selection(kind, min(depth, 1), rows)}"

    def _directive(self) -> str:
        if not self._chance(0.15):
            return ""
        name = self._random.choice(["skip", "include"])
        flag = Tree("Boolean!", lambda: self._chance(0.3 if name == "skip" else 0.7))
        return f" @{name}(if: {self._put(flag, 0.8)})"

    def _field(
        self, parent: GraphQLObjectType, name: str, depth: int, rows: int, alias: str = ""
    ) -> str:
        made = parent.fields[name]
        rows, arguments = self._arguments(parent, name, made, rows)
        if not alias and (arguments or self._chance(0.15)):
            alias = self._name("long" * (20 if self._chance(0.05) else 1)) + ": "
        if parent.name == "Query" and name == "viewer":
            rows = 1
        head = f"{alias}{name}{arguments}{self._directive()}"
        if _is_leaf(made):
            return head
        rows *= _LENGTHS.get(name, 1)
        kind = get_named_type(made.type)
        if rows > _MOST_ROWS:
            depth = min(depth, 0)
        text = f"{head} {self._selection(kind, depth, rows)}"
        if self._chance(0.08):  # asked for twice: both selections merge
            text += f" {head} {self._selection(kind, min(depth, 1), rows)}"
        return text

    # ---- arguments ------------------------------------------------------------------------------

    def _arguments(
        self,
        parent: GraphQLObjectType,
        name: str,
        made: GraphQLField,
        rows: int,
        *,
        filtered: float = 0.45,
    ) -> tuple[int, str]:
        given: dict[str, str] = {}
        if "after" in made.args:
            kind = get_named_type(made.type).name.removesuffix("Connection")
            rows, given = self._list_arguments(kind, made, rows, filtered)
        elif name == "lineage":
            given = self._lineage_arguments(parent, made)
        elif "expiresIn" in made.args:
            seconds = [None, 1, 60, 604800] + ([0] if self._spoil(0.5) else [])
            tree = Tree("Int", lambda: self._random.choice(seconds))
            given = {"expiresIn": self._put(tree)} if self._chance(0.6) else {}
        elif "name" in made.args:
            given = self._id_or_name("bkt" if name == "bucket" else "col")
        elif "ids" in made.args:
            ids = Tree("[ID!]!", lambda: [self._id() for _ in range(self._random.randint(0, 6))])
            given = {"ids": self._put(ids, 0.6)}
        elif "id" in made.args:
            prefix = {"object": "obj", "document": "doc"}.get(name)
            given = {"id": self._put(Tree("ID!", lambda: self._id(prefix)), 0.6)}
        items = list(given.items())
        self._random.shuffle(items)
        text = ", ".join(f"{key}: {value}" for key, value in items)
        return rows, f"({text})" if text else ""

    def _id(self, prefix: str | None = None, hit: float = 0.85) -> str:
        random = self._random
        if not self._chance(hit):
            unlike = [an_id(random.choice(_PREFIXES), random.choice([1, 2, 77])), "obj_1", "", "%"]
            return random.choice([*unlike, OURS, THEIRS, f"{prefix or 'obj'}_{'0' * 25}u"])
        table = {
            "bkt": "buckets",
            "obj": "objects",
            "blob": "blobs",
            "col": "collections",
            "doc": "documents",
            "key": "api_keys",
            "ns": "namespaces",
        }[prefix or random.choice(_PREFIXES[:-1])]
        found: str = random.choice(self._world.tables[table])["id"]
        return found

    def _id_or_name(self, prefix: str) -> dict[str, str]:
        table, column = {
            "bkt": ("buckets", "bucket_name"),
            "col": ("collections", "collection_name"),
        }[prefix]

        def name() -> str:
            found: str = self._random.choice(self._world.tables[table])[column]
            return found if self._chance(0.9) else "nobody"

        if self._spoil(0.3):
            return self._random.choice([{}, {"id": '"x"', "name": '"x"'}])
        if self._chance(0.2):  # one of two variables is null
            ours, theirs = self._name("v"), self._name("v")
            self._variables |= {ours: "ID", theirs: "String"}

            def either() -> dict[str, Any]:
                return {ours: self._id(prefix)} if self._chance(0.5) else {theirs: name()}

            self._draws.append(lambda: {ours: None, theirs: None} | either())
            return {"id": f"${ours}", "name": f"${theirs}"}
        if self._chance(0.5):
            return {"name": self._put(Tree("String", name))}
        return {"id": self._put(Tree("ID", lambda: self._id(prefix)))}

    def _lineage_arguments(self, parent: GraphQLObjectType, made: GraphQLField) -> dict[str, str]:
        random = self._random
        depths = [0, 1, 1, 2, 3, 10, None] + ([101] if self._spoil(0.5) else [])
        # The rows of a level that is cut in two have no order: whole levels, or nothing is cut.
        sizes = [None, None, 1000, 1, 1, 2] + ([0] if self._spoil(0.5) else [])
        ways: list[str | None] = ["UPSTREAM", "DOWNSTREAM", "BOTH"]

        def collections() -> list[str] | None:
            count = random.choice([0, 1, 1, 2, 3, None])
            return None if count is None else [self._id("col") for _ in range(count)]

        direction = str(made.args["direction"].type)
        if not direction.endswith("!"):
            ways.append(None)
        given = {
            "direction": Tree(direction, lambda: random.choice(ways)),
            "depth": Tree("Int", lambda: random.choice(depths)),
            "maxNodes": Tree("Int", lambda: random.choice(sizes)),
            "collectionIds": Tree("[ID!]", collections),
        }
        text = {name: self._put(tree) for name, tree in given.items() if self._chance(0.6)}
        if parent.name == "Query":
            start = Tree("ID!", lambda: self._id(random.choice(["obj", "doc", "doc"]), 0.97))
            text["id"] = self._put(start, 0.6)
        return text

    def _list_arguments(
        self, kind: str, made: GraphQLField, rows: int, filtered: float
    ) -> tuple[int, dict[str, str]]:
        random = self._random
        most = 20 if rows == 1 else 5 if rows < 30 else 2
        sizes = [each for each in (0, 1, 1, 2, 3, 5, 20) if each <= most]
        if rows == 1 and self._chance(0.2):
            sizes = [1000]
        if self._spoil(0.1):
            sizes = [-1, 1001]
        size = Tree("Int", lambda: random.choice(sizes))
        given = {self._random.choice(["first", "first", "last"]): self._put(size, 0.4)}
        if self._spoil(0.1):
            given = {"first": "1", "last": "1"}
        rows *= max(1, sum(sizes) // len(sizes))
        order = random.choice(self._orders.of[kind]) if self._chance(0.7) else []
        if self._chance(0.4) and (cursors := self._cursors(kind, order)):
            given |= self._ends(kind, order, cursors)
            if order or self._chance(0.1):
                given["orderBy"] = self._fixed(f"[{kind}Order!]", order)
        elif "orderBy" in made.args and order:
            given["orderBy"] = self._order(kind, order)
        if "filter" in made.args and self._chance(filtered):
            given["filter"] = self._filter_text(kind)
        if "directOnly" in made.args and self._chance(0.4):
            flag = Tree("Boolean", lambda: random.choice([True, True, False, None]))
            given["directOnly"] = self._put(flag)
        if kind == "Collection":
            given.pop("orderBy", None)
        return rows, given

    def _ends(
        self, kind: str, order: Sequence[Mapping[str, str]], cursors: Sequence[str]
    ) -> dict[str, str]:
        others = self._cursors(kind, self._other_order(kind, order))
        if others and self._spoil(0.8):
            cursors = [self._random.choice(others)]
        ends = Tree("String", lambda: self._random.choice(cursors) if self._chance(0.75) else None)
        names = self._random.choice([["after"], ["after"], ["before"], ["after", "before"]])
        return {name: self._put(ends) for name in names}

    def _other_order(
        self, kind: str, order: Sequence[Mapping[str, str]]
    ) -> Sequence[Mapping[str, str]]:
        """Return one whose cursors look alike: of the same fields, if there is one."""
        fields = [each["field"] for each in order]
        others = [each for each in self._orders.of[kind] if each != order]
        alike = [each for each in others if [key["field"] for key in each] == fields]
        return self._random.choice(alike or others or [order])

    def _order(self, kind: str, order: Sequence[Mapping[str, str]]) -> str:
        random = self._random
        if self._spoil(0.5):
            faults = [[{"field": "CREATED_AT", "metadataPath": "n"}]] if kind != "Bucket" else []
            order = random.choice([*faults, [{"field": "CREATED_AT"}] * 6])
            return self._fixed(f"[{kind}Order!]", order)
        if self._chance(0.2):
            return self._put(
                Tree(f"[{kind}Order!]", lambda: random.choice(self._orders.of[kind])), 1
            )
        ways = Tree("Direction", lambda: random.choice(["ASC", "DESC", None]))
        items = [
            Tree(
                f"{kind}Order!",
                {
                    "field": Tree(f"{kind}Sort!", _always(each["field"])),
                    **({"direction": ways} if self._chance(0.7) else {}),
                    **(
                        {"metadataPath": Tree("String", lambda: random.choice(PATHS))}
                        if "metadataPath" in each
                        else {}
                    ),
                },
            )
            for each in order
        ]
        return self._put(Tree(f"[{kind}Order!]", list(items)), 0.2)

    def _fixed(self, kind: str, value: Any) -> str:
        return self._put(Tree(kind, _always(value)))

    # ---- filters --------------------------------------------------------------------------------

    def _filter_text(self, kind: str) -> str:
        tree = self._filter(kind, 2)
        if self._chance(0.3):
            name = self._name("v")
            self._variables[name] = f"{kind}Filter"

            def draw() -> Any:
                fresh = self._chance(0.5)
                return {name: _value(self._filter(kind, 2) if fresh else tree)}

            self._draws.append(draw)
            return f"${name}"
        return self._put(tree, 0)

    def _filter(self, kind: str, depth: int) -> Tree:
        random = self._random
        content: dict[str, Tree] = {}
        for _ in range(random.choice([0, 1, 1, 1, 2])):
            name, tree = self._condition(kind)
            content[name] = tree
        if depth and self._chance(0.35):
            content["not"] = self._filter(kind, depth - 1)
        if depth and self._chance(0.35):
            parts = [self._filter(kind, depth - 1) for _ in range(random.choice([0, 1, 2, 2]))]
            items = [each._replace(type=f"{kind}Filter!") for each in parts]
            content[random.choice(["and", "or", "or"])] = Tree(f"[{kind}Filter!]", list(items))
        return Tree(f"{kind}Filter", content)

    def _condition(self, kind: str) -> tuple[str, Tree]:
        random = self._random
        choices = ["status", "createdAt", "metadata", "metadata", *_TEXT_COLUMNS[kind]]
        choices += {"Bucket": [], "Object": ["updatedAt", "keyPrefix"]}.get(
            kind, ["updatedAt", "collectionId", "rootObjectId"]
        )
        name = random.choice(choices)
        match name:
            case "status":
                statuses = ["DRAFT", "COMPLETED", "ACTIVE", "ARCHIVED", *STATUSES]
                return name, self._operators(
                    "Status", "Status", lambda: random.choice(statuses), "eq ne in nin"
                )
            case "createdAt" | "updatedAt":
                moments = [each.isoformat() for each in MOMENTS] + ["2026-01-02T04:04:06+01:00"]
                return name, self._operators(
                    "DateTime", "DateTime", lambda: random.choice(moments), "gt gte lt lte isNull"
                )
            case "collectionId" | "rootObjectId":
                prefix = "col" if name == "collectionId" else "obj"
                return name, self._operators("Id", "ID", lambda: self._id(prefix), "eq in")
            case "metadata":
                conditions = [
                    self._path_condition(kind) for _ in range(random.choice([0, 1, 1, 2]))
                ]
                return name, Tree("[PathFilter!]", list(conditions))
        return name, self._text_condition(kind, name)

    def _text_condition(self, kind: str, name: str) -> Tree:
        random = self._random
        rows = self._world.tables[_TABLES[kind]]

        def text() -> str:
            found = random.choice(rows)[snake(name)] or random.choice(TEXTS)
            cut = random.randint(0, min(len(found), 3))
            return random.choice([found, found, found.swapcase(), found[cut:], found[:cut]])

        tree = self._operators(
            "String", "String", text, "eq ne in nin contains startsWith endsWith isNull"
        )
        if self._chance(0.5):
            assert isinstance(tree.content, dict)
            flag = Tree("Boolean", lambda: random.choice([True, False, False]))
            tree.content["caseSensitive"] = flag
        return tree

    def _operators(self, stem: str, kind: str, draw: Draw, names: str) -> Tree:
        random = self._random
        content: dict[str, Tree] = {}
        for name in random.sample(names.split(), random.choice([1, 1, 1, 2])):
            if name in ("in", "nin"):
                content[name] = Tree(
                    f"[{kind}!]", lambda: [draw() for _ in range(random.choice([0, 1, 2, 4]))]
                )
            elif name == "isNull":
                content[name] = Tree("Boolean", lambda: self._chance(0.5))
            else:
                content[name] = Tree(kind, draw)
            if self._spoil(0.1):
                content[name] = Tree(content[name].type, _always(None))
        return Tree(f"{stem}Filter", content)

    def _path_condition(self, kind: str) -> Tree:
        random = self._random
        path = random.choice(PATHS)
        rows = self._world.tables[_TABLES[kind]]
        found = [at(row["metadata"], path) for row in random.sample(rows, 5)]
        real = [each for each in found if each is not NOTHING and each is not None]
        names = ["eq", "ne", "in", "nin", "gt", "gte", "lt", "lte", "contains", "startsWith"]
        names += ["endsWith", "exists", "isNull", "isNull"]
        content: dict[str, Tree] = {"path": Tree("String!", lambda: path)}
        if self._chance(0.3):
            content["path"] = Tree("String!", lambda: random.choice(PATHS))
        if self._spoil(0.2):
            content["path"] = Tree(
                "String!", _always(random.choice(["", "a..b", ".".join("a" * 21)]))
            )
        for name in random.sample(names, random.choice([1, 1, 1, 2])):
            content[name] = self._path_operand(name, real)
        return Tree("PathFilter!", content)

    def _path_operand(self, name: str, real: Sequence[Any]) -> Tree:
        random = self._random
        some: list[Any] = [each for each in SCALARS if each is not None]
        some += [[], {}, [None], [1, "a"], {"x": 1.0}, {"a.b": None, "x": []}, [[]]]
        some += [*real] * 5
        texts = [each for each in some if isinstance(each, str)]
        match name:
            case "eq" | "ne":
                return Tree("JSON", lambda: random.choice(some))
            case "in" | "nin":
                return Tree("[JSON!]", lambda: random.choices(some, k=random.choice([0, 1, 4])))
            case "contains" | "startsWith" | "endsWith":
                return Tree("String", lambda: random.choice(texts))
            case "exists" | "isNull":
                return Tree("Boolean", lambda: self._chance(0.5))
        if self._spoil(0.3):
            return Tree("JSON", _always(random.choice([True, [], {}])))
        ordered = [each for each in some if isinstance(each, str | int | float)]
        ordered = [each for each in ordered if not isinstance(each, bool)]
        return Tree("JSON", lambda: random.choice(ordered))

    # ---- values as text, some lifted to variables ------------------------------------------------

    def _put(self, tree: Tree, lifted: float = 0.3) -> str:
        """Return a value as it stands in the document: written out, or a variable."""
        if self._chance(lifted):
            return self._variable(tree)
        if isinstance(tree.content, dict):
            parts = [f"{name}: {self._put(each, 0.2)}" for name, each in tree.content.items()]
            return "{" + ", ".join(parts) + "}"
        if isinstance(tree.content, list):
            return "[" + ", ".join(self._put(each, 0.1) for each in tree.content) + "]"
        named = self._schema.type_map.get(tree.type.strip("[]!"))
        value = tree.content()
        text = _written(value, is_enum=isinstance(named, GraphQLEnumType))
        if isinstance(value, dict | list) and tree.type.endswith("Order!]"):
            text = re.sub(r'(field|direction): "(\w+)"', r"\1: \2", text or "")
        return self._variable(tree._replace(content=_always(value))) if text is None else text

    def _variable(self, tree: Tree) -> str:
        name = self._name("v")
        self._variables[name] = tree.type
        self._draws.append(lambda: {name: _value(tree)})
        return f"${name}"


def _always(value: Any) -> Draw:
    return lambda: value


def _value(tree: Tree) -> Any:
    if isinstance(tree.content, dict):
        return {name: _value(each) for name, each in tree.content.items()}
    if isinstance(tree.content, list):
        return [_value(each) for each in tree.content]
    return tree.content()


def _written(value: Any, *, is_enum: bool = False) -> str | None:
    """Return a value as a literal; None where it cannot be one."""
    if isinstance(value, dict):
        parts = {name: _written(each) for name, each in value.items()}
        if None in parts.values() or not all(_NAME.fullmatch(name) for name in parts):
            return None
        return "{" + ", ".join(f"{name}: {text}" for name, text in parts.items()) + "}"
    if isinstance(value, list):
        items = [_written(each, is_enum=is_enum) for each in value]
        return None if None in items else "[" + ", ".join(map(str, items)) + "]"
    if is_enum and value is not None:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _is_leaf(made: GraphQLField) -> bool:
    return is_leaf_type(get_named_type(made.type))


def _plain(kind: GraphQLObjectType) -> list[str]:
    return [
        name
        for name, made in kind.fields.items()
        if _is_leaf(made) and not made.args and name not in _OF_THE_LOG
    ]

"""One tenant twice: alone in a database, and in another beside a neighbour of equal ids and names.

Whatever it asks and changes, both databases have to answer alike: no id, name, count or event of
the neighbour shows. What cannot be alike is named: new ids by the order in which they were first
told, times and signatures by what they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import orjson
from graphql import build_schema

import dev
from gateway.blobs.local import LocalBlobStore
from gateway.caller import Caller
from gateway.context import Context
from gateway.database.base import Row
from gateway.database.pool import Database
from gateway.enums import Permission
from gateway.events.cursors import EventCursors
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.housekeeping import Housekeeper
from gateway.http.strict_json import encode
from gateway.limits import Limits
from gateway.namespaces.authentication import Authenticator
from gateway.planner.outcome import Outcome
from gateway.planner.reader import Reader
from gateway.schema import GatewaySchema
from tests.differential.generate import Generator, Orders
from tests.differential.world import OURS, THEIRS, World, an_id, random_of

from .inputs import Mutations

SCHEMA = build_schema((dev.ROOT / "schema.graphql").read_text())

_NEW_ID = re.compile(r"\b([a-z]+)_(01[0-9a-hjkmnp-tv-z]{24})\b")
_NAME = re.compile(r"[a-z]+_new\d+")
_UNLIKE = (
    (re.compile(r"20\d\d-(?!01-02T03)\d\d-\d\dT[\d:.]+(\+00:00|Z)"), "<now>"),
    (re.compile(r"(http://gateway/blobs/ns_\d+/)[0-9a-f]{32}\?[^\"]+"), r"\1<link>"),
    (re.compile(r"(http://gateway/blobs/ns_\d+/\w+)\?[^\"]+"), r"\1<signature>"),
    (re.compile(r"\"[\w-]{22}\"(?!:)"), '"<event cursor>"'),
    (re.compile(r"sk_\w+"), "<secret>"),
)
_PREFIXES = {
    "bkt": "buckets",
    "obj": "objects",
    "blob": "blobs",
    "col": "collections",
    "doc": "documents",
    "key": "api_keys",
    "ns": "namespaces",
}
_TABLES = [table.name for table in Row.metadata.sorted_tables if "namespace_id" in table.c] + [
    "event_log",
    "event_outbox",
]
_COPY = f"""
INSERT INTO {{table}}
SELECT (jsonb_populate_record(
    CAST(NULL AS {{table}}),
    CAST(replace(CAST(to_jsonb(t) AS text), '{OURS}', '{THEIRS}') AS jsonb) || CAST($1 AS jsonb)
)).*
FROM {{table}} t WHERE namespace_id = '{OURS}'
"""  # noqa: S608
_OTHER = {
    "description": "theirs",
    "error": "theirs",
    "filename": "theirs",
    "key_prefix": "theirs",
    "metadata": {"theirs": True},
    "internal_metadata": {"theirs": True},
    "answer": {"theirs": True},
    "is_locked": False,
    "version": 77,
}
# Keys that reach further than the tenant's are as little its own.
_KEYS = (
    "SELECT to_jsonb(t) FROM api_keys t"  # noqa: S608
    f" WHERE namespaces IS NULL OR '{THEIRS}' = ANY (namespaces)"
)


class Tenant:
    """A caller in one namespace of one database."""

    def __init__(
        self, schema: GatewaySchema, database: Database, blobs: LocalBlobStore, namespace: str
    ) -> None:
        self._schema = schema
        self._housekeeper = Housekeeper(database, blobs)
        key = an_id("key", 3 if namespace == OURS else 4)
        caller = Caller(key, frozenset({Permission.ADMIN}), frozenset({namespace}), namespace)
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._context = Context(
            caller=caller,
            database=database,
            reader=Reader(database),
            blobs=blobs,
            fetcher=Fetcher(FetchRules(), look_up=_nowhere),
            limits=Limits(),
            authenticator=Authenticator(database),
            cursors=EventCursors(),
            housekeeper=self._housekeeper,
        )

    async def ask(self, text: str, variables: Mapping[str, Any]) -> str:
        """Return an answer in which everything that differs from time to time has a name."""
        given = orjson.loads(_NAME.sub(self._id, orjson.dumps(variables).decode()))
        context = replace(self._context)
        answer = await self._schema.answer(text, given, None, context)
        if isinstance(answer, Outcome) or answer is None:
            result = await self._schema.execute(
                text, variable_values=given, context_value=context, root_value=answer
            )
            errors = [each.formatted for each in result.errors or []]
            answer = encode({"data": result.data} | ({"errors": errors} if errors else {}))
        told = _NEW_ID.sub(self._name, answer.decode())
        for pattern, name in _UNLIKE:
            told = pattern.sub(name, told)
        return told

    async def settle(self) -> None:
        """Finish what goes on behind answers: deletions, and the log of events."""
        await self._housekeeper.one_pass()
        async with self._context.database.connection() as connection:
            await connection.fetchval("SELECT open_event_epoch()")
            while await connection.fetchval("SELECT sequence_events(10000)"):
                pass

    @property
    def names(self) -> list[str]:
        """What its new ids are called."""
        return list(self._ids)

    def _name(self, found: re.Match[str]) -> str:
        name = self._names.setdefault(found[0], f"{found[1]}_new{len(self._names)}")
        self._ids[name] = found[0]
        return name

    def _id(self, found: re.Match[str]) -> str:
        return self._ids[found[0]]


class Twins:
    """The tenant alone, the tenant beside a neighbour, and the neighbour."""

    def __init__(self, alone: Tenant, beside: Tenant, neighbour: Tenant, world: World) -> None:
        self.alone = alone
        self.beside = beside
        self.neighbour = neighbour
        self.counts: Counter[str] = Counter()
        self._world = world

    async def difference(self, seed: str, most: int) -> str | None:
        """Ask and change at random until the twins are told different things."""
        random = random_of(seed)
        mutations = Mutations(random, SCHEMA, self._ids)
        orders = Orders.some(random_of(1), SCHEMA)
        for _ in range(most):
            if random.random() < 0.5:
                asked = mutations.one()
                found = await self._compare(asked.text, asked.variables, asked.field)
                if found is None:
                    found = await self._look(asked.variables)
            else:
                case = Generator(random, SCHEMA, self._world, orders, _no_cursors).case()
                variables = case.variables()
                # Its plan is then there already, made for the neighbour.
                await self.neighbour.ask(case.text, variables)
                found = await self._compare(case.text, variables, "read")
            if found is not None:
                return found
        return None

    async def settle(self) -> None:
        for twin in (self.alone, self.beside):
            await twin.settle()

    async def _look(self, variables: Mapping[str, Any]) -> str | None:
        """Let everything settle, and read what a mutation named, with what happened to it."""
        await self.settle()
        ids = sorted(set(re.findall(r"\b(?:bkt|obj|doc|col)_\w+", str(variables))))
        return await self._compare(_LOOK, {"ids": ids}, "look")

    async def _compare(self, text: str, variables: Mapping[str, Any], kind: str) -> str | None:
        alone = await self.alone.ask(text, variables)
        beside = await self.beside.ask(text, variables)
        answers = {"alone": alone, "beside": beside}
        self.counts[kind] += 1
        if '"errors":[{' not in alone and '_errors":[{' not in alone:
            self.counts[f"{kind} done"] += 1
        if alone == beside and "INTERNAL_SERVER_ERROR" not in alone:
            return None
        pairs = enumerate(zip(alone, beside, strict=False))
        start = max(next((at for at, (one, other) in pairs if one != other), 0) - 200, 0)
        told = (f"{name}: …{each[start : start + 400]}…" for name, each in answers.items())
        return "\n\n".join([text, str(variables), *told])

    def _ids(self, prefix: str) -> Sequence[str]:
        new = [name for name in self.alone.names if name.startswith(f"{prefix}_")]
        old = [row["id"] for row in self._world.tables.get(_PREFIXES.get(prefix, ""), [])]
        return [*old, *new * 3, an_id(prefix, 1)]


_LOOK = """
query ($ids: [ID!]!) {
  viewer { namespace { bucketCount objectCount documentCount } eventCursor }
  buckets(first: 100) { totalCount nodes { id objectCount totalSizeBytes } }
  collections(first: 100) { totalCount nodes { id documentCount } }
  nodes(ids: $ids) {
    id
    ... on Bucket { objectCount storageStats { totalSizeBytes maxSizeBytes minSizeBytes } }
    ... on BucketObject { documentCount history(first: 50) { event status version nodeId } }
    ... on Document { version history(first: 50) { event status version nodeId } }
    ... on Collection { documentCount }
  }
}
"""


async def move_in(superuser: asyncpg.Connection) -> None:
    """Give the neighbour all that the tenant has, of the same ids and names, with other content."""
    for table in _TABLES:
        if not table.endswith(("tallies", "_log", "_outbox")):  # which triggers fill
            await superuser.execute(_COPY.format(table=table), orjson.dumps(_OTHER).decode())


async def belongings(superuser: asyncpg.Connection) -> list[str]:
    """Return all that the database has of the neighbour, and the keys that may reach it."""
    statements = [
        f"SELECT '{table}', to_jsonb(t) FROM {table} t WHERE namespace_id = '{THEIRS}'"  # noqa: S608
        for table in _TABLES
    ]
    found = []
    for statement in [*statements, _KEYS]:
        found += [str(tuple(row)) for row in await superuser.fetch(statement)]
    return sorted(found)


def _no_cursors(*_: object) -> Sequence[str]:
    return ()


async def _nowhere(_: str) -> list[str]:
    return []  # tests have no network

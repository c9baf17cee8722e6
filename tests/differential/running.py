"""Runs documents through the engine, on both its roads, and through the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

import orjson
from graphql import parse, validate

from gateway.caller import Caller
from gateway.context import Context
from gateway.database.pool import Database
from gateway.enums import Permission
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.http.strict_json import encode
from gateway.limits import Limits
from gateway.planner.outcome import Outcome
from gateway.planner.reader import Reader
from gateway.schema import GatewaySchema

from .comparing import Cursors, first_difference
from .generate import Case, Generator, Orders
from .links import Links
from .lists import order_of
from .reference import Answer, Asking, Reference, Undetermined
from .world import OURS, OWN_KEY, THEIRS, World, an_id, random_of

_KINDS = {"Bucket": "bkt", "Object": "obj", "Collection": "col", "Document": "doc"}
_PAGES = {
    "Bucket": "buckets(first: 1000%s) { %s }",
    "Object": "buckets(first: 1000) { nodes { objects(first: 1000%s) { %s } } }",
    "Collection": "collections(first: 1000) { %s%s }",
    "Document": "collections(first: 1000) { nodes { documents(first: 1000%s) { %s } } }",
}
ASKING = (
    Asking(OURS, OWN_KEY, None, is_admin=True),
    Asking(THEIRS, OWN_KEY, None, is_admin=True),
    Asking(OURS, an_id("key", 3), frozenset({OURS}), is_admin=True),
    Asking(THEIRS, an_id("key", 5), frozenset({OURS, THEIRS}), is_admin=False),
)
OURS_ONLY = ASKING[0]


_parsed = lru_cache(100)(parse)


class Execution(NamedTuple):
    """One run of a document."""

    variables: dict[str, Any]
    asking: Asking


@dataclass(frozen=True)
class Difference:
    """Where the engine does not answer what the reference answers."""

    what: str
    text: str
    executions: Sequence[Execution]  # the last one shows it; those before it made the plan
    expected: Any
    got: Any
    statements: Sequence[str]

    def __str__(self) -> str:
        parts = [self.what, self.text]
        parts += [f"{each.asking.namespace} {each.variables}" for each in self.executions]
        parts += [f"expected: {self.expected}", f"got: {self.got}", *self.statements]
        return "\n\n".join(parts)


class RecordingReader(Reader):
    """Runs statements, and remembers those of the last document."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.statements: list[str] = []

    async def read(self, sql: str, parameters: Sequence[Any]) -> bytes | None:
        self.statements.append(sql)
        return await super().read(sql, parameters)


class Comparison:
    """The engine on a database beside the reference on the same rows."""

    def __init__(
        self, world: World, schema: GatewaySchema, database: Database, cursors: Cursors
    ) -> None:
        self.world = world
        self.reference = Reference(world)
        self.counts: Counter[str] = Counter()
        self.cursors = cursors
        self._schema = schema
        self._database = database
        self._reader = RecordingReader(database)
        self._orders = Orders.some(random_of(1), self.reference.schema)

    async def search(self, seeds: Iterable[int], most: int) -> Difference | None:
        """Run random documents until one shows a difference; give up after ``most`` checks."""
        for seed in seeds:
            if self.counts["checks"] >= most:
                break
            found = await self.run(self.case(seed), random_of(f"{seed} asking"))
            if found is not None:
                return found
        return None

    def case(self, seed: int) -> Case:
        generator = Generator(
            random_of(seed),
            self.reference.schema,
            self.world,
            self._orders,
            lambda kind, order: self.cursors.of(_KINDS[kind], order_of(order)),
        )
        return generator.case()

    async def run(self, case: Case, random: Random) -> Difference | None:
        """Run one document several times: with other variables, for other callers."""
        if validate(self.reference.schema, _parsed(case.text)):
            self.counts["invalid"] += 1
            return None
        self.counts["documents"] += 1
        executions: list[Execution] = []
        for _ in range(3 if case.draws else 1):
            executions.append(Execution(case.variables(), random.choice(ASKING)))
            found = await self.difference(case.text, executions, is_spoilt=case.is_spoilt)
            if found is not None:
                return found
        return None

    async def again(self, text: str, executions: Sequence[Execution]) -> Difference | None:
        """Run a document from the start, with no plan kept."""
        self._schema.forget_plans()
        for index in range(len(executions)):
            found = await self.difference(text, executions[: index + 1])
            if found is not None:
                return found
        return None

    async def difference(
        self, text: str, executions: Sequence[Execution], *, is_spoilt: bool = True
    ) -> Difference | None:
        """Run a document on both roads; ``is_spoilt``: the engine may refuse what we let pass."""
        variables, asking = executions[-1]
        self.counts["checks"] += 1
        self._reader.statements.clear()
        context = self._context(asking)
        result = await self._schema.execute(text, variable_values=variables, context_value=context)
        errors = [f"{error.message} {error.extensions}" for error in result.errors or ()]
        got = orjson.loads(encode(result.data))
        try:
            expected = self.reference.answer(_parsed(text), variables, asking, self.cursors.known)
        except Undetermined:
            self.counts["undetermined"] += 1
            expected = Answer(None, is_refused=False)
            what = f"errors: {errors}" if errors and not is_spoilt else None
        else:
            what = self._judge(expected, got, errors, is_spoilt)
            if what is None and not errors:
                short = await self._schema.answer(text, variables, None, self._context(asking))
                assert not isinstance(short, Outcome)  # that is for mutations
                what = self._compare_roads(got, short)
        if what is None:
            return None
        statements = list(self._reader.statements)
        return Difference(what, text, executions, expected.data, got, statements)

    def _judge(
        self, expected: Answer, got: Any, errors: Sequence[str], is_spoilt: bool
    ) -> str | None:
        faults = [each for each in errors if "BAD_USER_INPUT" not in each]
        if faults:
            return f"errors: {faults}"
        if expected.is_refused or (errors and is_spoilt):
            self.counts["refused"] += 1
            return None if errors else "no errors, though an argument is bad"
        if errors:
            return f"errors, though all arguments are good: {errors}"
        self.counts["telling"] += len(str(got)) > 120
        return first_difference(expected.data, got, self.cursors)

    def _compare_roads(self, long: Any, short: bytes | None) -> str | None:
        if short is None:
            return None
        self.counts["short road"] += 1
        return None if orjson.loads(short) == {"data": long} else f"the short road: {short!r}"

    async def gather_cursors(self) -> Difference | None:
        """Read whole lists in all orders, for their cursors."""
        for kind, orders in self._orders.of.items():
            for order in orders:
                found = await self._list(kind, order, OURS_ONLY)
                if found is not None:
                    return found
        return None

    async def _list(
        self, kind: str, order: Sequence[Mapping[str, str]], asking: Asking
    ) -> Difference | None:
        edges = "edges { cursor node { id } }"
        variables: dict[str, Any] = {"order": order} if kind != "Collection" else {}
        head = f"query ($order: [{kind}Order!]) " if variables else ""
        argument = ", orderBy: $order" if variables else ""
        text = f"{head}{{ {_PAGES[kind] % (argument, edges)} }}"
        return await self.difference(text, [Execution(variables, asking)], is_spoilt=False)

    def _context(self, asking: Asking) -> Context:
        permission = Permission.ADMIN if asking.is_admin else Permission.READ
        caller = Caller(asking.key, frozenset({permission}), asking.namespaces, asking.namespace)
        unused: Any = None
        return Context(
            caller=caller,
            database=self._database,
            reader=self._reader,
            blobs=Links(),  # type: ignore[arg-type]  # links are all that reads need
            fetcher=Fetcher(FetchRules()),
            limits=Limits(),
            authenticator=unused,
            cursors=unused,
            housekeeper=unused,
        )

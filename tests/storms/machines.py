"""A database and two gateways on it, and what happens to machines."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import asyncpg

from gateway.namespaces.key_secrets import digest, new_secret
from tests.conftest import lent_folder
from tests.events.test_sequencer import until
from tests.events.world import World
from tests.serve.gateways import Gateway, serving
from tests.serve.silence import Elsewhere
from tests.storms.writers import LOST

_ADD_KEY = """
INSERT INTO api_keys (id, name, key_prefix, secret_sha256, permissions)
VALUES ('key_00000000000000000000000001', 'storm', 'sk_storm', $1, '{READ}')
"""
_CURSOR = "{ viewer { eventCursor } }"
_BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE application_name LIKE $1 AND datname = current_database()
"""
# Characters of what a gateway said, beside a storm that failed.
_SHOWN = 4000
_NUMBERS = {
    "gateway_subscriptions": 0.0,
    "gateway_connections": 0.0,
    "gateway_event_streams": 0.0,
}


class Mortal:
    """A gateway that is killed, and started anew at the same address."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._folder = folder
        self._variables = {"GATEWAY_DATABASE_URL": database_url, "GATEWAY_METRICS": "on"}
        self._port = "0"
        self._running = ExitStack()
        self._said_before: list[str] = []
        self.gateway: Gateway | None = None

    @property
    def url(self) -> str:
        assert self.gateway is not None
        url: str = self.gateway.ready["graphql"]
        return url

    def start(self) -> None:
        self.gateway = self._running.enter_context(
            serving(self._folder / "state", "--port", self._port, variables=self._variables)
        )
        self._port = str(urlsplit(self.url).port)

    def kill(self) -> None:
        """End it as nothing ends that is prepared for it."""
        assert self.gateway is not None
        self.gateway.end(signal.SIGKILL)
        self._said_before.append(self.gateway.complaint)
        self._running.close()

    def stop(self) -> None:
        self._running.close()

    def measures(self) -> dict[str, float]:
        """Return what it says of itself."""
        assert self.gateway is not None
        lines = self.gateway.get("/metrics").body.decode().splitlines()
        words = [line.split() for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in words if "{" not in name}

    @property
    def complaint(self) -> str:
        """What it said in all its lives."""
        assert self.gateway is not None
        return "".join([*self._said_before, self.gateway.complaint])

    def cursor(self, key: str, namespace_id: str) -> str:
        """Return the place after which everything is told that happens from now on."""
        assert self.gateway is not None
        answer = self.gateway.post(_CURSOR, key=key, namespace=namespace_id).json
        cursor: str = answer["data"]["viewer"]["eventCursor"]
        return cursor

    def leads(self) -> bool:
        return self.measures()["gateway_events_leader"] == 1

    def has_nothing_left(self) -> bool:
        return _NUMBERS.items() <= self.measures().items()


class Machines:
    """All of them; ``strike`` is what happens to one."""

    def __init__(self, database: Elsewhere, gateways: list[Mortal], seed: int) -> None:
        self._database = database
        self.url = database.url
        self.gateways = gateways
        self._random = Random(seed)  # noqa: S311
        self._strikes: dict[str, Callable[[], Awaitable[None]]] = {
            "the gateway that sequences is killed": self._kill_leader,
            "a backend is killed": self._kill_backend,
            "PostgreSQL is ended at once": self._crash,
            "a gateway is killed": self._kill_gateway,
            "the sequencers' connections are ended": self._end_sequencer,
        }
        self.struck: Counter[str] = Counter()

    async def strike(self, number: int) -> str:
        """Let something happen, first each kind once, then any; return its name."""
        names = list(self._strikes)
        name = names[number] if number < len(names) else self._random.choice(names)
        await self._strikes[name]()
        self.struck[name] += 1
        return name

    async def _kill_gateway(self) -> None:
        await self._kill(self._random.choice(self.gateways))

    async def _kill_leader(self) -> None:
        leading = [each for each in self.gateways if await asyncio.to_thread(each.leads)]
        await self._kill(self._random.choice(leading or self.gateways))

    async def _kill(self, gateway: Mortal) -> None:
        gateway.kill()
        await asyncio.sleep(self._random.uniform(0, 0.5))
        await asyncio.to_thread(gateway.start)

    async def _kill_backend(self) -> None:
        """The server ends all others then, and recovers from its log."""
        sql = await asyncpg.connect(self.url)
        ours = sql.get_server_pid()
        pids = [row["pid"] for row in await sql.fetch(_BACKENDS, "lineage-gateway%")]
        with suppress(ProcessLookupError):
            os.kill(self._random.choice(pids or [ours]), signal.SIGKILL)
        with suppress(*LOST):
            await sql.fetchval("SELECT pg_sleep(10)")
        sql.terminate()
        await until(self._is_back)

    async def _is_back(self) -> bool:
        with suppress(*LOST):
            sql = await asyncpg.connect(self.url)
            await sql.close()
            return True
        return False

    async def _end_sequencer(self) -> None:
        sql = await asyncpg.connect(self.url)
        for row in await sql.fetch(_BACKENDS, "lineage-gateway events"):
            await sql.fetchval("SELECT pg_terminate_backend($1)", row["pid"])
        await sql.close()

    async def _crash(self) -> None:
        self._database.crash()
        await asyncio.sleep(self._random.uniform(0, 0.5))
        self._database.start()


@asynccontextmanager
async def machines(database: Elsewhere, seed: int) -> AsyncIterator[Machines]:
    """Run two gateways on a database."""
    with lent_folder() as folder:
        gateways = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            gateways.append(Mortal(folder / name, database.url))
        try:
            await asyncio.gather(*(asyncio.to_thread(each.start) for each in gateways))
            yield Machines(database, gateways, seed)
        except Exception as error:
            for each in gateways:
                error.add_note(each.complaint[-_SHOWN:])
            raise
        finally:
            for each in gateways:
                await asyncio.to_thread(each.stop)


async def make_key(url: str) -> str:
    """Make a key that may read in all namespaces; return its secret."""
    secret = new_secret()
    sql = await asyncpg.connect(url)
    await sql.execute(_ADD_KEY, digest(secret))
    await sql.close()
    return secret


async def make_namespaces(url: str, *namespace_ids: str) -> None:
    for namespace_id in namespace_ids:
        sql = await asyncpg.connect(url)
        await World(sql, namespace_id).make()
        await sql.close()

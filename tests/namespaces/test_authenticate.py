from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.caller import Caller
from gateway.database.ids import new_id
from gateway.database.lending import Connection
from gateway.database.pool import Database, open_database
from gateway.enums import Permission
from gateway.errors import NamespaceRequired, RequestFailure, Unauthenticated
from gateway.namespaces.authentication import TRUST_S, Authenticator
from gateway.namespaces.first_key import ensure_default
from gateway.namespaces.key_secrets import new_secret
from gateway.namespaces.shown import shown_in
from tests.namespaces.conftest import Clock, Operator


class CountingDatabase(Database):
    """A database that counts how often it is asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.lender, database._connect)
        self.uses = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        self.uses += 1
        async with super().connection() as connection:
            yield connection


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def authenticator(database: Database, clock: Clock) -> AsyncIterator[Authenticator]:
    made = Authenticator(database, clock=clock)
    yield made
    await made.close()


async def refusal(authenticator: Authenticator, authorization: Any, namespace: Any) -> str:
    with pytest.raises(RequestFailure) as caught:
        await authenticator.authenticate(authorization, namespace)
    return f"{caught.value.code}: {caught.value.message}"


async def test_tells_who_is_asking_and_how_far_the_key_reaches(
    authenticator: Authenticator, operator: Operator
) -> None:
    key = await operator.key(Permission.READ, Permission.DELETE, namespaces=["home"])

    caller = await authenticator.authenticate(f"Bearer {key.secret}", "home")

    assert caller == Caller(
        key_id=key.key_id,
        permissions=frozenset({Permission.READ, Permission.DELETE}),
        namespaces=frozenset({operator.home}),
        namespace_id=operator.home,
    )


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
async def test_takes_a_namespace_by_name_or_id(
    authenticator: Authenticator, operator: Operator, scheme: str
) -> None:
    key = await operator.key()

    callers = [
        await authenticator.authenticate(scheme + key.secret, namespace)
        for namespace in ("home", operator.home)
    ]

    assert [caller.namespace_id for caller in callers] == [operator.home, operator.home]


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Basic c2s6", "sk_x", "Bearer x", "Bearer sk_x sk_y"]
)
async def test_says_what_the_header_has_to_look_like(
    authenticator: Authenticator, authorization: str | None
) -> None:
    told = await refusal(authenticator, authorization, "home")

    assert told.startswith("UNAUTHENTICATED: ")
    assert 'send "Authorization: Bearer sk_…"' in told


async def test_answers_unknown_and_revoked_keys_alike(
    authenticator: Authenticator, operator: Operator
) -> None:
    revoked = await operator.key()
    await operator.revoke(revoked)

    answers = {
        await refusal(authenticator, f"Bearer {secret}", namespace)
        for secret in (revoked.secret, new_secret(), "sk_short", "sk_\udcff")
        for namespace in ("home", "nowhere", None)
    }

    assert answers == {"UNAUTHENTICATED: this API key is unknown, or was revoked"}


async def test_a_key_ends_on_time_however_lately_it_was_looked_up(
    database: Database, operator: Operator, clock: Clock
) -> None:
    key = await operator.key(expires_at=datetime.now(UTC) + timedelta(hours=1))
    authenticator = Authenticator(database, clock=clock, trust_s=7200)
    await authenticator.authenticate(f"Bearer {key.secret}", "home")

    clock.now += 3590
    await authenticator.authenticate(f"Bearer {key.secret}", "home")
    clock.now += 20
    told = await refusal(authenticator, f"Bearer {key.secret}", "home")

    assert told == "UNAUTHENTICATED: this API key has expired"
    await authenticator.close()


async def test_an_expired_key_is_told_apart_from_an_unknown_one(
    authenticator: Authenticator, database: Database, operator: Operator
) -> None:
    key = await operator.key()
    async with database.connection() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now()")

    told = await refusal(authenticator, f"Bearer {key.secret}", None)

    assert told == "UNAUTHENTICATED: this API key has expired"


@pytest.mark.parametrize("namespace", [None, ""])
async def test_asks_for_a_namespace(
    authenticator: Authenticator, operator: Operator, namespace: str | None
) -> None:
    key = await operator.key()

    told = await refusal(authenticator, f"Bearer {key.secret}", namespace)

    assert told.startswith("NAMESPACE_REQUIRED: a namespace is needed: send X-Namespace")


async def test_answers_unknown_and_foreign_namespaces_alike(
    authenticator: Authenticator, operator: Operator
) -> None:
    key = await operator.key(namespaces=["home"])

    names = ("away", operator.away, "nowhere", new_id("ns"), "ho me", "h" * 300, "home\0", "\udcff")
    answers = {await refusal(authenticator, f"Bearer {key.secret}", name) for name in names}

    assert answers == {
        "NAMESPACE_REQUIRED: X-Namespace has to be the name or the id of a namespace that this"
        " API key may use"
    }


async def test_a_revocation_elsewhere_takes_effect_within_5_seconds(
    authenticator: Authenticator, operator: Operator, clock: Clock
) -> None:
    key = await operator.key()
    await authenticator.authenticate(f"Bearer {key.secret}", "home")
    await operator.revoke(key)

    clock.now += TRUST_S - 0.01
    await authenticator.authenticate(f"Bearer {key.secret}", "home")
    clock.now += 0.01
    told = await refusal(authenticator, f"Bearer {key.secret}", "home")

    assert "revoked" in told
    assert TRUST_S < 5


async def test_use_does_not_prolong_the_trust(
    authenticator: Authenticator, operator: Operator, clock: Clock
) -> None:
    key = await operator.key()
    await authenticator.authenticate(f"Bearer {key.secret}", "home")
    await operator.revoke(key)

    clock.now += TRUST_S / 2
    await authenticator.authenticate(f"Bearer {key.secret}", "home")
    clock.now += TRUST_S / 2
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {key.secret}", "home")


async def test_forgets_at_once_when_told(authenticator: Authenticator, operator: Operator) -> None:
    key = await operator.key()
    await authenticator.authenticate(f"Bearer {key.secret}", "home")
    await operator.revoke(key)

    authenticator.forget_all()

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {key.secret}", "home")


async def test_an_answer_that_is_on_its_way_is_forgotten_too(
    authenticator: Authenticator, operator: Operator
) -> None:
    key = await operator.key()
    early = asyncio.create_task(authenticator.authenticate(f"Bearer {key.secret}", "home"))
    await asyncio.sleep(0)  # its look-up has begun

    authenticator.forget_all()
    await early
    await operator.revoke(key)

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {key.secret}", "home")


async def test_requests_with_the_same_key_share_one_look_up(
    database: Database, operator: Operator, clock: Clock
) -> None:
    key = await operator.key()
    counting = CountingDatabase(database)
    authenticator = Authenticator(counting, clock=clock)

    together = [authenticator.authenticate(f"Bearer {key.secret}", "home") for _ in range(50)]
    await asyncio.gather(*together)
    await authenticator.authenticate(f"Bearer {key.secret}", "home")
    await authenticator.close()

    assert counting.uses == 2  # the look-up, and the note of the use


async def test_a_secret_that_nobody_knows_costs_one_look_up(
    database: Database, clock: Clock
) -> None:
    secret = new_secret()
    counting = CountingDatabase(database)
    authenticator = Authenticator(counting, clock=clock)

    for text in [secret] * 20 + ["sk_short", "sk_" + "-" * 43]:
        await refusal(authenticator, f"Bearer {text}", "home")

    assert counting.uses == 1


async def test_junk_displaces_junk_and_not_a_key_that_is_used(
    database: Database, operator: Operator, clock: Clock
) -> None:
    key = await operator.key()
    junk = [new_secret() for _ in range(20)]
    counting = CountingDatabase(database)
    authenticator = Authenticator(counting, clock=clock, most=5)

    for secret in junk:
        await refusal(authenticator, f"Bearer {secret}", "home")
        await authenticator.authenticate(f"Bearer {key.secret}", "home")
    await refusal(authenticator, f"Bearer {junk[0]}", "home")
    await authenticator.close()

    assert counting.uses == len(junk) + 2 + 1  # the first of them was dropped, so asked for again


async def test_a_request_that_is_given_up_does_not_take_the_answer_from_others(
    authenticator: Authenticator, operator: Operator
) -> None:
    key = await operator.key()
    first, second = (
        asyncio.create_task(authenticator.authenticate(f"Bearer {key.secret}", "home"))
        for _ in range(2)
    )
    await asyncio.sleep(0)

    first.cancel()

    assert (await second).key_id == key.key_id
    assert first.cancelled()


async def test_a_silent_database_is_no_refusal_and_is_asked_again(
    database: Database, shared: Any, operator: Operator, clock: Clock
) -> None:
    key = await operator.key()
    async with open_database(shared.url) as other:
        pass
    authenticator = Authenticator(other, clock=clock)
    assert "UNAVAILABLE" in await refusal(authenticator, f"Bearer {key.secret}", "home")

    other.lender = database.lender

    assert (await authenticator.authenticate(f"Bearer {key.secret}", "home")).key_id == key.key_id
    await authenticator.close()


async def last_used_at(database: Database) -> datetime | None:
    async with database.connection() as connection:
        moment: datetime | None = await connection.fetchval("SELECT last_used_at FROM api_keys")
        return moment


@pytest.mark.parametrize("trust_s", [TRUST_S, 7200])
async def test_notes_the_use_of_a_key_once_a_minute(
    database: Database, operator: Operator, clock: Clock, trust_s: float
) -> None:
    key = await operator.key()
    authenticator = Authenticator(database, clock=clock, trust_s=trust_s)
    noted = []

    for _ in range(4):
        async with database.connection() as connection:
            await connection.execute("UPDATE api_keys SET last_used_at = NULL")
        await authenticator.authenticate(f"Bearer {key.secret}", "home")
        await authenticator.close()
        noted.append(await last_used_at(database) is not None)
        clock.now += 30

    assert noted == [True, False, True, False]


async def test_what_another_process_noted_within_the_minute_stands(
    database: Database, operator: Operator
) -> None:
    key = await operator.key()
    noted = []

    for _ in range(2):
        authenticator = Authenticator(database)
        await authenticator.authenticate(f"Bearer {key.secret}", "home")
        await authenticator.close()
        noted.append(await last_used_at(database))

    assert noted[0] == noted[1] is not None


async def test_a_refused_request_is_no_use_of_the_key(
    authenticator: Authenticator, database: Database, operator: Operator
) -> None:
    key = await operator.key()

    await refusal(authenticator, f"Bearer {key.secret}", "nowhere")
    await authenticator.close()

    assert await last_used_at(database) is None


@pytest.mark.parametrize("authorization_name", ["Authorization", "authorization"])
@pytest.mark.parametrize("namespace_name", ["X-Namespace", "x-namespace", "namespace"])
async def test_a_socket_shows_the_same_in_connection_init(
    authenticator: Authenticator,
    operator: Operator,
    authorization_name: str,
    namespace_name: str,
) -> None:
    key = await operator.key()

    payload = {authorization_name: f"Bearer {key.secret}", namespace_name: "home", "other": [1]}
    caller = await authenticator.authenticate(*shown_in(payload))

    assert (caller.key_id, caller.namespace_id) == (key.key_id, operator.home)


@pytest.mark.parametrize(
    "payload", [None, {}, [], "Bearer sk_x", {"Authorization": 5}, {"Authorization": None}]
)
async def test_a_socket_without_a_key_is_refused(
    authenticator: Authenticator, payload: object
) -> None:
    with pytest.raises(Unauthenticated, match="Bearer sk_…"):
        await authenticator.authenticate(*shown_in(payload))


@pytest.mark.parametrize("namespace", [None, 5, {"name": "home"}, "nowhere"])
async def test_a_socket_without_a_namespace_is_refused(
    authenticator: Authenticator, operator: Operator, namespace: object
) -> None:
    key = await operator.key()

    with pytest.raises(NamespaceRequired):
        await authenticator.authenticate(
            *shown_in({"Authorization": f"Bearer {key.secret}", "X-Namespace": namespace})
        )


async def test_secrets_are_neither_kept_nor_logged(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first = await ensure_default(database, tmp_path / "dev-key")
    authenticator = Authenticator(database)
    await authenticator.authenticate(f"Bearer {first.secret}", "default")
    await refusal(authenticator, f"Bearer {first.secret}", "nowhere")
    await authenticator.close()

    async with database.connection() as connection:
        kept = await connection.fetchval("SELECT api_keys::text FROM api_keys")

    assert first.secret.startswith("sk_")
    assert len(first.secret) == 46
    for text in (kept, caplog.text, repr(first)):
        assert first.secret[10:] not in text
    assert first.secret[:10] in kept


async def test_what_was_shown_is_let_go_when_it_is_trusted_no_longer(
    database: Database, operator: Operator, clock: Clock
) -> None:
    key = await operator.key()
    authenticator = Authenticator(database, clock=clock, trust_s=0)
    await authenticator.authenticate(f"Bearer {key.secret}", "home")
    assert key.secret in repr(vars(authenticator))

    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert key.secret not in repr(vars(authenticator))
    await authenticator.close()


async def test_long_headers_fill_no_memory(
    authenticator: Authenticator, operator: Operator
) -> None:
    key = await operator.key()

    caller = await authenticator.authenticate(f"Bearer{' ' * 1000}{key.secret}", "home")

    assert caller.key_id == key.key_id
    assert key.secret not in repr(vars(authenticator))


async def test_many_spellings_fill_no_memory(
    database: Database, operator: Operator, clock: Clock
) -> None:
    key = await operator.key()
    authenticator = Authenticator(database, clock=clock, most=5)

    for count in range(1, 20):
        await authenticator.authenticate(f"Bearer{' ' * count}{key.secret}", "home")

    assert 1 <= repr(vars(authenticator)).count(key.secret) <= 5
    await authenticator.close()


def test_no_two_secrets_are_alike() -> None:
    assert len({new_secret() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("held", Permission)
def test_a_permission_includes_those_before_it(held: Permission) -> None:
    caller = Caller("key", frozenset({held}), None, "ns")
    order = [Permission.READ, Permission.WRITE, Permission.DELETE, Permission.ADMIN]

    assert [caller.holds(each) for each in order] == [
        order.index(each) <= order.index(held) for each in order
    ]

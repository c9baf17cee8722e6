"""How often one may ask, by key and by address, as clients meet it."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession

import dev
from gateway.namespaces.key_secrets import new_secret
from gateway.settings import InvalidSetting, Settings

from .conftest import Served, Serving

VIEWER = {"query": "{ viewer { namespace { namespaceName } } }"}
CREATE = 'mutation { createApiKey(input: {name: "b", permissions: [ADMIN]}) { secret } }'
# No token comes back while a test runs.
SLOW: Any = 0.001
FEW = Settings(key_rate=SLOW, key_burst=20, address_rate=SLOW, address_burst=20)
PROXIED = replace(FEW, trusted_proxies="127.0.0.0/8")


async def statuses(served: Served, times: int, **headers: str) -> list[int]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return [(await served.post(VIEWER, headers=names))[0] for _ in range(times)]


async def wrong(served: Served, times: int, **headers: str) -> list[int]:
    return await statuses(served, times, Authorization=f"Bearer {new_secret()}", **headers)


async def other_key(served: Served) -> str:
    _, answer = await served.post({"query": CREATE})
    return f"Bearer {answer['data']['createApiKey']['secret']}"


async def test_a_key_that_asks_too_often_is_told_when_to_ask_again(serving: Serving) -> None:
    async with serving(FEW) as served:
        before = await statuses(served, 20)
        async with served.session.post(
            f"{served.url}/graphql", json=VIEWER, headers=served.headers
        ) as answer:
            (error,) = (await answer.json())["errors"]

    assert before == [200] * 20
    wait_s = error["extensions"].pop("retryAfter")
    assert (answer.status, answer.headers["Retry-After"]) == (429, str(math.ceil(wait_s)))
    assert 900 < wait_s <= 1000
    assert error == {
        "message": "this API key sends more than 0 requests a second; send the next one in"
        f" {wait_s:.3f} s",
        "extensions": {"code": "LIMIT_EXCEEDED", "limit": "keyRate", "value": 1, "maximum": 0},
    }


async def test_both_media_types_tell_it_by_the_status(serving: Serving) -> None:
    async with serving(FEW) as served:
        await statuses(served, 20)

        assert await statuses(served, 1, Accept="application/json") == [429]
        assert await statuses(served, 1, Accept="application/graphql-response+json") == [429]


async def test_another_key_is_not_kept_waiting(serving: Serving) -> None:
    async with serving(FEW) as served:
        other = await other_key(served)
        await statuses(served, 20)

        assert await statuses(served, 1) == [429]
        assert await statuses(served, 1, Authorization=other) == [200]


async def test_operations_on_a_socket_count_for_the_key(serving: Serving) -> None:
    async with (
        serving(FEW) as served,
        served.session.ws_connect(
            f"{served.url}/graphql", protocols=["graphql-transport-ws"]
        ) as socket,
    ):
        await socket.send_json({"type": "connection_init", "payload": served.headers})
        await socket.receive_json()
        answers: dict[str, Any] = {}
        for number in range(21):
            await socket.send_json({"id": str(number), "type": "subscribe", "payload": VIEWER})
            while (message := await socket.receive_json())["type"] == "complete":
                pass
            answers[message["id"]] = message

    assert [answers[str(number)]["type"] for number in range(20)] == ["next"] * 20
    assert answers["20"]["type"] == "error"
    assert answers["20"]["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_gateways_on_one_database_may_share_the_rate(serving: Serving) -> None:
    sharing = replace(FEW, key_burst=300, shared_rates=True)
    async with serving(sharing) as one, serving(sharing) as other:
        assert set(await statuses(one, 290)) == {200}
        given = 0
        while (await statuses(other, 1)) == [200]:
            given += 1
            await asyncio.sleep(0.05)  # they tell each other meanwhile

    assert 0 < given < 290


async def test_who_tries_keys_is_kept_waiting_before_they_are_looked_up(
    serving: Serving,
) -> None:
    async with serving(FEW) as served:
        found = await wrong(served, 5)
        _, answer = await served.post(VIEWER, headers={"Authorization": "Bearer sk_x"})

    assert found == [401, 401, 429, 429, 429]  # each counts for ten
    assert answer["errors"][0]["extensions"]["limit"] == "addressRate"


@pytest.mark.parametrize("authorization", ["", "Bearer sk_short", "Basic abc"])
async def test_what_is_no_key_counts_as_a_wrong_one(serving: Serving, authorization: str) -> None:
    async with serving(FEW) as served:
        assert await statuses(served, 3, Authorization=authorization) == [401, 401, 429]


async def test_a_key_that_is_known_is_not_kept_out_by_those_who_try(serving: Serving) -> None:
    async with serving(FEW) as served:
        await statuses(served, 1)
        await wrong(served, 5)

        assert await statuses(served, 1) == [200]


async def test_a_key_with_a_wrong_namespace_counts_once(serving: Serving) -> None:
    async with serving(FEW) as served:
        found = await statuses(served, 21, X_Namespace="nowhere")

    # Plain JSON has 400 for what never reached the schema.
    assert found == [400] * 20 + [429]


async def test_opening_sockets_counts_too(serving: Serving) -> None:
    async def closed_with(session: ClientSession, url: str) -> int | None:
        async with session.ws_connect(url, protocols=["graphql-transport-ws"]) as socket:
            payload = {"Authorization": f"Bearer {new_secret()}", "X-Namespace": "default"}
            await socket.send_json({"type": "connection_init", "payload": payload})
            await socket.receive()
            return socket.close_code

    async with serving(FEW) as served:
        codes = [await closed_with(served.session, f"{served.url}/graphql") for _ in range(2)]
        assert None not in codes
        assert await wrong(served, 1) == [429]


async def test_a_client_that_says_it_is_another_is_not_believed(serving: Serving) -> None:
    async with serving(FEW) as served:
        found = [(await wrong(served, 1, X_Forwarded_For=f"198.51.100.{n}"))[0] for n in range(5)]

    assert found == [401, 401, 429, 429, 429]


async def test_behind_a_proxy_each_client_counts_for_itself(serving: Serving) -> None:
    async with serving(PROXIED) as served:
        one = await wrong(served, 3, X_Forwarded_For="198.51.100.1")
        other = await wrong(served, 3, X_Forwarded_For="198.51.100.2")
        spoofed = [
            (await wrong(served, 1, X_Forwarded_For=f"10.1.1.{n}, 198.51.100.1"))[0]
            for n in range(3)
        ]

    assert one == other == [401, 401, 429]
    assert spoofed == [429] * 3


async def test_clients_of_ipv6_count_by_their_network(serving: Serving) -> None:
    async with serving(PROXIED) as served:
        found = [(await wrong(served, 1, X_Forwarded_For=f"2001:db8::{n:x}"))[0] for n in range(4)]
        other = await wrong(served, 1, X_Forwarded_For="2001:db8:0:1::1")

    assert found == [401, 401, 429, 429]
    assert other == [401]


def test_the_documentation_tells_the_defaults() -> None:
    text = (dev.ROOT / "docs" / "limits.md").read_text()

    told = re.findall(r"`GATEWAY_(\w+_(?:RATE|BURST))` \| (\d+) \|", text)

    assert len(told) == 4
    assert told == [(name, str(getattr(Settings(), name.lower()))) for name, _ in told]


async def test_zero_turns_them_off(serving: Serving) -> None:
    async with serving(Settings(key_rate=0, address_rate=0, key_burst=1, address_burst=1)) as it:
        assert await statuses(it, 30) == [200] * 30
        assert await wrong(it, 30) == [401] * 30


async def test_a_page_that_sends_much_at_once_is_normal(serving: Serving) -> None:
    async with serving(Settings()) as served:
        assert set(await statuses(served, 300)) == {200}
        assert set(await statuses(served, 60, Authorization="Bearer sk_old")) == {401}


async def test_other_paths_are_not_counted(serving: Serving) -> None:
    async with serving(FEW) as served:
        for _ in range(30):
            async with served.session.get(f"{served.url}/healthz") as answer:
                assert answer.status == 200


@pytest.mark.parametrize("name", ["KEY_RATE", "ADDRESS_RATE"])
@pytest.mark.parametrize("text", ["-1", "1.5", "many"])
def test_refuses_what_is_no_rate(name: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=f"GATEWAY_{name} is '{text}'; it has to be a whole"):
        Settings.from_environment({f"GATEWAY_{name}": text})

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.database.pool import Database
from gateway.enums import Permission
from gateway.errors import NamespaceRequired, Unauthenticated
from tests.namespaces.conftest import Gateway, Operator

KEY = "apiKey { id name keyPrefix permissions namespaces status expiresAt lastUsedAt }"
ERRORS = "errors { code path message ... on FieldError { allowed } }"
CREATE = f"""
    mutation ($input: CreateApiKeyInput!) {{
      createApiKey(input: $input) {{ {KEY} secret {ERRORS} }}
    }}
"""
ROTATE = f"mutation ($id: ID!) {{ rotateApiKey(id: $id) {{ {KEY} secret {ERRORS} }} }}"
REVOKE = f"mutation ($id: ID!) {{ revokeApiKey(id: $id) {{ {KEY} secret {ERRORS} }} }}"
VIEWER = "{ viewer { apiKey { id } namespace { id } } }"


async def create(gateway: Gateway, key: Any, **values: Any) -> Any:
    values = {"name": "new", "permissions": ["READ"]} | values
    answer = await gateway.execute(CREATE, key=key, input=values)
    return answer["createApiKey"]


async def count(database: Database) -> int:
    async with database.connection() as connection:
        number: int = await connection.fetchval("SELECT count(*) FROM api_keys")
        return number


async def test_a_new_key_works_where_and_how_it_was_told(
    gateway: Gateway, operator: Operator
) -> None:
    admin = await operator.key(Permission.ADMIN)
    moment = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)

    made = await create(
        gateway,
        admin,
        name="Laptop",
        permissions=["WRITE", "READ", "WRITE"],
        namespaces=["away", operator.away],
        expiresAt=moment.isoformat(),
    )

    secret, key_id = made["secret"], made["apiKey"].pop("id")
    assert made["errors"] == []
    assert made["apiKey"] == {
        "name": "Laptop",
        "keyPrefix": secret[:10],
        "permissions": ["READ", "WRITE"],
        "namespaces": [operator.away],
        "status": "ACTIVE",
        "expiresAt": moment.isoformat(),
        "lastUsedAt": None,
    }
    answer = await gateway.execute(VIEWER, key=secret, namespace="away")
    assert answer["viewer"] == {"apiKey": {"id": key_id}, "namespace": {"id": operator.away}}
    with pytest.raises(NamespaceRequired):
        await gateway.execute(VIEWER, key=secret, namespace="home")
    _, (error,) = await gateway.run(
        CREATE, key=secret, namespace="away", input={"name": "x", "permissions": ["READ"]}
    )
    assert error.extensions == {"code": "FORBIDDEN"}


async def test_without_namespaces_it_reaches_as_far_as_the_callers(
    gateway: Gateway, operator: Operator
) -> None:
    unbound = await operator.key(Permission.ADMIN)
    bound = await operator.key(Permission.ADMIN, namespaces=["home"])

    assert (await create(gateway, unbound))["apiKey"]["namespaces"] is None
    assert (await create(gateway, bound))["apiKey"]["namespaces"] == [operator.home]
    assert (await create(gateway, bound, namespaces=None))["apiKey"]["namespaces"] == [
        operator.home
    ]


async def test_namespaces_beyond_the_own_reach_are_as_unknown_as_others(
    gateway: Gateway, operator: Operator, database: Database
) -> None:
    bound = await operator.key(Permission.ADMIN, namespaces=["home"])
    nowhere = new_id("ns")

    made = await create(
        gateway, bound, namespaces=["away", "home", operator.away, nowhere, "no where"]
    )

    assert made["apiKey"] is None
    assert made["secret"] is None
    assert [(error["code"], error["path"]) for error in made["errors"]] == [
        ("NOT_FOUND", ["namespaces", index]) for index in "0234"
    ]
    assert made["errors"][1]["message"] == made["errors"][2]["message"].replace(
        nowhere, operator.away
    )
    assert await count(database) == 1


async def test_an_administrator_of_some_namespaces_gives_any_permission_there(
    gateway: Gateway, operator: Operator
) -> None:
    bound = await operator.key(Permission.ADMIN, namespaces=["home"])

    made = await create(gateway, bound, permissions=["ADMIN"])

    assert made["apiKey"]["permissions"] == ["ADMIN"]


@pytest.mark.parametrize(
    ("values", "code", "path", "told"),
    [
        ({"name": ""}, "INVALID", ["name"], "is empty"),
        ({"name": "n" * 256}, "TOO_LARGE", ["name"], "the most is 255"),
        ({"name": "a\u0000b"}, "INVALID", ["name"], "NUL"),
        ({"permissions": []}, "INVALID", ["permissions"], "at least one"),
        ({"namespaces": []}, "INVALID", ["namespaces"], "at least one"),
        ({"namespaces": ["x"] * 1001}, "TOO_LARGE", ["namespaces"], "the most is 1000"),
        ({"namespaces": ["home", "a\u0000"]}, "INVALID", ["namespaces", "1"], "NUL"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "INVALID", ["expiresAt"], "in the future"),
    ],
)
async def test_refuses_what_is_no_key(
    gateway: Gateway,
    operator: Operator,
    database: Database,
    values: dict[str, Any],
    code: str,
    path: list[str],
    told: str,
) -> None:
    admin = await operator.key(Permission.ADMIN)

    made = await create(gateway, admin, **values)

    (error,) = made["errors"]
    assert (made["apiKey"], made["secret"]) == (None, None)
    assert (error["code"], error["path"]) == (code, path)
    assert told in error["message"]
    assert await count(database) == 1


async def test_tells_which_permissions_there_are(gateway: Gateway, operator: Operator) -> None:
    admin = await operator.key(Permission.ADMIN)

    made = await create(gateway, admin, permissions=[])

    assert made["errors"][0]["allowed"] == ["READ", "WRITE", "DELETE", "ADMIN"]


async def test_rotating_replaces_the_secret_at_once_and_nothing_else(
    gateway: Gateway, operator: Operator
) -> None:
    admin = await operator.key(Permission.ADMIN)
    key = await operator.key(Permission.WRITE, namespaces=["home"])
    await gateway.execute(VIEWER, key=key)

    answer = await gateway.execute(ROTATE, key=admin, id=key.key_id)

    made = answer["rotateApiKey"]
    assert made["errors"] == []
    assert made["apiKey"]["id"] == key.key_id
    assert made["apiKey"]["keyPrefix"] == made["secret"][:10]
    assert made["apiKey"]["permissions"] == ["WRITE"]
    assert made["apiKey"]["namespaces"] == [operator.home]
    with pytest.raises(Unauthenticated):
        await gateway.execute(VIEWER, key=key)
    viewer = (await gateway.execute(VIEWER, key=made["secret"]))["viewer"]
    assert viewer["apiKey"]["id"] == key.key_id


async def test_revoking_takes_effect_at_once(gateway: Gateway, operator: Operator) -> None:
    admin = await operator.key(Permission.ADMIN)
    key = await operator.key()
    await gateway.execute(VIEWER, key=key)

    answer = await gateway.execute(REVOKE, key=admin, id=key.key_id)

    assert answer["revokeApiKey"]["apiKey"]["status"] == "REVOKED"
    assert answer["revokeApiKey"]["secret"] is None
    with pytest.raises(Unauthenticated):
        await gateway.execute(VIEWER, key=key)


async def test_a_key_may_revoke_itself(gateway: Gateway, operator: Operator) -> None:
    own = await operator.key(Permission.ADMIN, namespaces=["home"])

    answer = await gateway.execute(REVOKE, key=own, id=own.key_id)

    assert answer["revokeApiKey"]["apiKey"] is not None
    with pytest.raises(Unauthenticated):
        await gateway.execute(VIEWER, key=own)


@pytest.mark.parametrize("mutation", [ROTATE, REVOKE])
async def test_a_revoked_key_stays_as_it_is(
    gateway: Gateway, operator: Operator, mutation: str
) -> None:
    admin = await operator.key(Permission.ADMIN)
    key = await operator.key()
    await operator.revoke(key)

    (payload,) = (await gateway.execute(mutation, key=admin, id=key.key_id)).values()

    assert payload["secret"] is None
    assert [(error["code"], error["path"]) for error in payload["errors"]] == [
        ("BAD_STATE", ["id"])
    ]


async def test_an_expired_key_can_be_revoked_and_not_rotated(
    gateway: Gateway, operator: Operator, database: Database
) -> None:
    admin = await operator.key(Permission.ADMIN)
    key = await operator.key()
    async with database.connection() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", key.key_id)

    rotated = (await gateway.execute(ROTATE, key=admin, id=key.key_id))["rotateApiKey"]
    revoked = (await gateway.execute(REVOKE, key=admin, id=key.key_id))["revokeApiKey"]

    assert rotated["errors"][0]["code"] == "BAD_STATE"
    assert rotated["errors"][0]["message"] == "this key is EXPIRED; create a new one"
    assert revoked["apiKey"]["status"] == "REVOKED"


@pytest.mark.parametrize("mutation", [ROTATE, REVOKE])
async def test_a_key_that_reaches_further_is_as_unknown_as_others(
    gateway: Gateway, operator: Operator, mutation: str
) -> None:
    bound = await operator.key(Permission.ADMIN, namespaces=["home"])
    further = [
        await operator.key(),
        await operator.key(namespaces=["away"]),
        await operator.key(namespaces=["home", "away"]),
    ]
    unknown = ["nonsense", "", operator.home, new_id("key")]

    told = set()
    for key_id in [*(key.key_id for key in further), *unknown]:
        (payload,) = (await gateway.execute(mutation, key=bound, id=key_id)).values()
        (error,) = payload["errors"]
        message = error["message"].replace(repr(key_id), "it")
        told.add((error["code"], *error["path"], message))

    assert told == {("NOT_FOUND", "id", "no API key has the id it")}
    for key in further:
        assert await gateway.execute(VIEWER, key=key, namespace="away")


@pytest.mark.parametrize("permission", [Permission.READ, Permission.WRITE, Permission.DELETE])
@pytest.mark.parametrize("mutation", [ROTATE, REVOKE])
async def test_takes_an_administrator(
    gateway: Gateway, operator: Operator, mutation: str, permission: Permission
) -> None:
    key = await operator.key(permission)

    _, (error,) = await gateway.run(mutation, key=key, id=key.key_id)

    assert error.extensions == {"code": "FORBIDDEN"}
    await gateway.execute(VIEWER, key=key)

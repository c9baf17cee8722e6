from __future__ import annotations

import pytest

from gateway.database.pool import Database
from gateway.enums import Permission
from tests.namespaces.conftest import Gateway, Operator

CREATE = """
    mutation ($name: String!, $description: String) {
      createNamespace(input: {namespaceName: $name, description: $description}) {
        namespace {
          id namespaceId namespaceName description bucketCount objectCount documentCount
        }
        errors { code path message }
      }
    }
"""
COUNTS = "query ($id: ID!) { node(id: $id) { ... on Namespace { bucketCount } } }"
NAMES = "SELECT namespace_name FROM namespaces ORDER BY 1"


async def names(database: Database) -> list[str]:
    async with database.connection() as connection:
        return [row[0] for row in await connection.fetch(NAMES)]


async def test_makes_a_namespace_that_is_empty(gateway: Gateway, operator: Operator) -> None:
    admin = await operator.key(Permission.ADMIN)

    answer = await gateway.execute(
        CREATE, key=admin, name="new.Place_2-x", description="For tests."
    )

    made = answer["createNamespace"]
    namespace_id = made["namespace"].pop("id")
    assert namespace_id.startswith("ns_")
    assert made == {
        "namespace": {
            "namespaceId": namespace_id,
            "namespaceName": "new.Place_2-x",
            "description": "For tests.",
            "bucketCount": 0,
            "objectCount": 0,
            "documentCount": 0,
        },
        "errors": [],
    }


async def test_the_new_namespace_opens_at_once(gateway: Gateway, operator: Operator) -> None:
    admin = await operator.key(Permission.ADMIN)
    # Asked for before it was there, so that "there is none" is fresh in memory.
    with pytest.raises(Exception, match="X-Namespace"):
        await gateway.execute("{ __typename }", key=admin, namespace="new")

    await gateway.execute(CREATE, key=admin, name="new")

    viewer = "{ viewer { namespace { namespaceName } } }"
    answer = await gateway.execute(viewer, key=admin, namespace="new")
    assert answer["viewer"]["namespace"]["namespaceName"] == "new"


async def test_what_follows_in_the_same_request_stays_in_its_namespace(
    gateway: Gateway, operator: Operator
) -> None:
    admin = await operator.key(Permission.ADMIN)
    twice = """
        mutation {
          one: createNamespace(input: {namespaceName: "one"}) { namespace { namespaceName } }
          createApiKey(input: {name: "k", permissions: [READ]}) { apiKey { name } }
          two: createNamespace(input: {namespaceName: "two"}) { namespace { namespaceName } }
        }
    """

    made = await gateway.execute(twice, key=admin)

    answer = await gateway.execute("{ viewer { namespace { id } } }", key=admin)
    assert [made[each]["namespace"]["namespaceName"] for each in ("one", "two")] == ["one", "two"]
    assert answer["viewer"]["namespace"]["id"] == operator.home


async def test_other_namespaces_stay_out_of_sight(gateway: Gateway, operator: Operator) -> None:
    admin = await operator.key(Permission.ADMIN)

    assert await gateway.execute(COUNTS, key=admin, id=operator.away) == {"node": None}
    assert await gateway.execute(COUNTS, key=admin, id=operator.home) == {
        "node": {"bucketCount": 0}
    }


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("", "INVALID", "1 to 255 characters"),
        ("   ", "INVALID", "nothing but blanks"),
        ("n" * 256, "TOO_LARGE", "has 256 characters; the most is 255"),
        ("my place", "INVALID", "has ' ' in it; the letters a-z and A-Z, digits, -, _ and ."),
        ("größe", "INVALID", "has 'ö' in it"),
        ("a/b", "INVALID", "has '/' in it"),
        ("a\u0000", "INVALID", "NUL"),
        ("ns_mine", "INVALID", "leave out the ns_"),
    ],
)
async def test_refuses_a_name_that_is_none(
    gateway: Gateway,
    operator: Operator,
    database: Database,
    name: str,
    code: str,
    told: str,
) -> None:
    admin = await operator.key(Permission.ADMIN)

    answer = await gateway.execute(CREATE, key=admin, name=name)

    (error,) = answer["createNamespace"]["errors"]
    assert answer["createNamespace"]["namespace"] is None
    assert (error["code"], error["path"]) == (code, ["namespaceName"])
    assert told in error["message"]
    assert await names(database) == ["away", "home"]


async def test_takes_the_longest_name(gateway: Gateway, operator: Operator) -> None:
    admin = await operator.key(Permission.ADMIN)

    answer = await gateway.execute(CREATE, key=admin, name="n" * 255)

    assert answer["createNamespace"]["errors"] == []


async def test_refuses_a_name_that_is_taken(
    gateway: Gateway, operator: Operator, database: Database
) -> None:
    admin = await operator.key(Permission.ADMIN)

    answer = await gateway.execute(CREATE, key=admin, name="home")

    assert answer["createNamespace"] == {
        "namespace": None,
        "errors": [
            {
                "code": "ALREADY_EXISTS",
                "path": ["namespaceName"],
                "message": "a namespace is called 'home' already",
            }
        ],
    }
    assert await names(database) == ["away", "home"]


async def test_refuses_a_description_that_is_too_long(gateway: Gateway, operator: Operator) -> None:
    admin = await operator.key(Permission.ADMIN)

    answer = await gateway.execute(CREATE, key=admin, name="new", description="d" * 10_001)

    (error,) = answer["createNamespace"]["errors"]
    assert (error["code"], error["path"]) == ("TOO_LARGE", ["description"])


@pytest.mark.parametrize("permission", [Permission.READ, Permission.WRITE, Permission.DELETE])
async def test_takes_an_administrator(
    gateway: Gateway, operator: Operator, database: Database, permission: Permission
) -> None:
    key = await operator.key(permission)

    data, (error,) = await gateway.run(CREATE, key=key, name="new")

    assert data is None
    assert error.extensions == {"code": "FORBIDDEN"}
    assert "ADMIN" in error.message
    assert await names(database) == ["away", "home"]


async def test_takes_a_key_for_every_namespace(
    gateway: Gateway, operator: Operator, database: Database
) -> None:
    key = await operator.key(Permission.ADMIN, namespaces=["home"])

    data, (error,) = await gateway.run(CREATE, key=key, name="new")

    assert data is None
    assert error.extensions == {"code": "FORBIDDEN"}
    assert error.message == "this needs a key that may be used in every namespace"
    assert await names(database) == ["away", "home"]

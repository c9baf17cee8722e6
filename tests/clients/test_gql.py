"""The Python client of its ecosystem, gql: on aiohttp, with the schema it fetches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from gql import Client, GraphQLRequest, gql
from gql.client import AsyncClientSession
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError, TransportServerError
from graphql import GraphQLError, lexicographic_sort_schema, print_schema

from tests.http.conftest import Served
from tests.operations import FREE_SCHEMA

CREATE = gql(
    """
    mutation ($input: CreateBucketInput!) {
      createBucket(input: $input) { bucket { id bucketName status createdAt } errors { code path } }
    }
    """
)
PAGE = gql(
    """
    query ($after: String) {
      buckets(first: 2, after: $after) { nodes { bucketName } pageInfo { hasNextPage endCursor } }
    }
    """
)


@pytest.fixture
async def session(served: Served) -> AsyncIterator[AsyncClientSession]:
    async with Client(
        transport=AIOHTTPTransport(f"{served.url}/graphql", headers=served.headers),
        fetch_schema_from_transport=True,
        introspection_args={"specified_by_url": True},
        parse_results=True,
    ) as session:
        yield session


async def create(session: AsyncClientSession, name: str) -> dict[str, Any]:
    variables = {"input": {"bucketName": name, "bucketSchema": FREE_SCHEMA}}
    answer = await session.execute(GraphQLRequest(CREATE, variable_values=variables))
    payload: dict[str, Any] = answer["createBucket"]
    return payload


async def test_fetches_the_schema_as_it_is_published(
    session: AsyncClientSession, served: Served
) -> None:
    fetched = session.client.schema

    assert fetched is not None
    published = print_schema(lexicographic_sort_schema(served.schema._schema))
    assert print_schema(lexicographic_sort_schema(fetched)) == published


async def test_what_the_schema_has_not_is_refused_before_it_is_sent(
    session: AsyncClientSession,
) -> None:
    with pytest.raises(GraphQLError, match="Cannot query field 'nothing'"):
        await session.execute(gql("{ nothing }"))


async def test_mutates_and_goes_through_pages(session: AsyncClientSession) -> None:
    for name in ("g1", "g2", "g3"):
        made = await create(session, name)
        assert made["errors"] == []
        assert made["bucket"]["status"] == "ACTIVE"
    taken = await create(session, "g1")
    assert taken["errors"] == [{"code": "ALREADY_EXISTS", "path": ["bucketName"]}]

    names, after = [], None
    while True:
        request = GraphQLRequest(PAGE, variable_values={"after": after})
        page = (await session.execute(request))["buckets"]
        names += [each["bucketName"] for each in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert names == ["g1", "g2", "g3"]


async def test_errors_of_a_request_are_raised_with_their_codes(
    session: AsyncClientSession, served: Served
) -> None:
    with pytest.raises(TransportQueryError) as wrong:
        await session.execute(GraphQLRequest(PAGE, variable_values={"after": "x"}))
    assert wrong.value.errors is not None
    assert wrong.value.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"

    stranger = AIOHTTPTransport(f"{served.url}/graphql")
    async with Client(transport=stranger) as unknown:
        with pytest.raises(TransportQueryError, match="UNAUTHENTICATED"):
            await unknown.execute(PAGE)


async def test_a_batch_is_refused_and_what_follows_is_answered(session: AsyncClientSession) -> None:
    with pytest.raises(TransportServerError) as refused:
        await session.execute_batch([GraphQLRequest(PAGE), GraphQLRequest(PAGE)])
    assert refused.value.code == 400

    assert (await session.execute(PAGE))["buckets"]["nodes"] == []

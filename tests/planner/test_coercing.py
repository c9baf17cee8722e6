"""Input values are coerced as graphql-core does it, or left to graphql-core."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from graphql import GraphQLSchema, Undefined, parse_type, type_from_ast
from graphql.utilities import coerce_input_value

from gateway.planner.coercing import Coerce, Coercers, Unusual
from gateway.schema import make_schema

DOCUMENT = {"collectionId": "col_1"}
OBJECT = {"bucketId": "bkt_1", "blobs": [{"property": "a", "type": "text", "data": {"a": [1]}}]}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return make_schema()._schema


def both(schema: GraphQLSchema, name: str) -> tuple[Any, Coerce]:
    graphql_type: Any = type_from_ast(schema, parse_type(name))
    return graphql_type, Coercers().of(graphql_type)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("String", None),
        ("String!", "a"),
        ("ID!", 5),
        ("Int", 5),
        ("Float", 5),
        ("Boolean!", True),
        ("Status!", "DRAFT"),
        ("JSON", {"a": [None, 1.5]}),
        ("DateTime", "2026-11-21T22:04:12Z"),
        ("[String!]", ["a", "b"]),
        ("[String]!", [None, "b"]),
        ("CreateDocumentInput!", DOCUMENT),
        ("CreateDocumentInput", DOCUMENT | {"metadata": None, "vector": [1, 2.5], "features": []}),
        ("CreateObjectInput!", OBJECT),
        ("CreateObjectInput!", OBJECT | {"skipDuplicates": True, "policy": "UPSERT"}),
        ("CreateObjectInput!", dict(reversed(OBJECT.items()))),
        ("[CreateObjectInput!]!", [OBJECT, {"bucketId": "bkt_2"}]),
        ("ObjectFilter", {"not": {"or": [{"status": {"eq": "DRAFT"}}, {"keyPrefix": {}}]}}),
    ],
)
def test_coerces_what_is_right(schema: GraphQLSchema, name: str, value: Any) -> None:
    graphql_type, coerce = both(schema, name)
    given = orjson.dumps(value)

    # In the same order too: plans are filed under it.
    assert repr(coerce(value)) == repr(coerce_input_value(value, graphql_type))
    assert orjson.dumps(value) == given


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("String!", None),
        ("String!", 5),
        ("Int", "5"),
        ("Int", 2**40),
        ("Boolean", 1),
        ("Status", "NONSENSE"),
        ("DateTime", "yesterday"),
        ("[String!]", ["a", None]),
        ("CreateDocumentInput!", {}),
        ("CreateDocumentInput!", DOCUMENT | {"collectionId": None}),
        ("CreateDocumentInput!", DOCUMENT | {"nonsense": 1}),
        ("CreateDocumentInput!", [DOCUMENT]),
        ("CreateObjectInput!", OBJECT | {"skipDuplicates": None}),
        ("CreateObjectInput!", OBJECT | {"blobs": [{"property": "a"}]}),
    ],
)
def test_leaves_what_is_wrong_to_graphql_core(schema: GraphQLSchema, name: str, value: Any) -> None:
    graphql_type, coerce = both(schema, name)

    with pytest.raises(Unusual):
        coerce(value)
    assert coerce_input_value(value, graphql_type) is Undefined


def test_leaves_one_value_for_a_list_to_graphql_core(schema: GraphQLSchema) -> None:
    graphql_type, coerce = both(schema, "[String!]")

    with pytest.raises(Unusual):
        coerce("a")
    assert coerce_input_value("a", graphql_type) == ["a"]

"""Variables that are read without graphql-core are what graphql-core makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import get_variable_values

from gateway.planner.variables import VariableReader
from gateway.schema import GatewaySchema

DEFINED = "($id: ID!, $text: String, $flag: Boolean)"


@pytest.mark.parametrize(
    "defined", [DEFINED, "($id: ID = 5)", "($id: [ID!])", "($n: Int, $x: JSON)"]
)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"id": "a"},
        {"id": None},
        {"id": 5},
        {"id": 5.5},
        {"id": ["a", "b"]},
        {"id": "a", "text": None, "flag": None},
        {"id": "a", "text": "", "flag": True, "unknown": 1},
        {"id": "a", "text": 5},
        {"id": "a", "text": True},
        {"id": "a", "flag": 0},
        {"id": "a", "flag": "true"},
        {"n": 5, "x": {"a": None}},
        {"n": 2**31},
    ],
)
def test_they_are_the_same(schema: GatewaySchema, defined: str, given: dict[str, Any]) -> None:
    (definition,) = parse(f"query {defined} {{ __typename }}").definitions
    assert isinstance(definition, OperationDefinitionNode)
    expected = get_variable_values(schema._schema, definition.variable_definitions or (), given)

    found = VariableReader(schema._schema, definition).read(given)

    if isinstance(expected, list):
        assert found is None
    else:
        assert found is not None
        assert found.coerced == expected.coerced
        assert found.sources.keys() == expected.sources.keys()
        for name, source in expected.sources.items():
            assert found.sources[name].value == source.value

"""Validation says what graphql-core's own says, to the word, whatever is wrong."""

from __future__ import annotations

import pytest
from graphql import GraphQLError, parse, validate

from gateway.schema import GatewaySchema, make_schema
from gateway.validation import rules
from gateway.validation.problems import MOST_PROBLEMS, problems
from gateway.validation.rules import RULES

# Rules about what the schema does not have, at least not yet.
IDLE = {
    "KnownOperationTypesRule",
    "MaybeNullValidationRule",
    "OneOfInputValidationRule",
    "SingleFieldSubscriptionsRule",
}
# At least one document that each of the others refuses.
WRONG = [
    "{ viewer { apiKey { nosuch } } nosuch }",
    "{ viewer }",
    "{ viewer { apiKey { id { id } } } }",
    "{ viewer { apiKey { ...Missing } } }",
    "{ viewer { apiKey { id } } } fragment Unused on ApiKey { id }",
    "fragment Twice on ApiKey { id } fragment Twice on ApiKey { name }"
    " { viewer { apiKey { ...Twice } } }",
    "fragment A on ApiKey { ...B } fragment B on ApiKey { ...A } { viewer { apiKey { ...A } } }",
    "{ viewer { apiKey { ... on Bucket { id } } } }",
    "{ viewer { apiKey { ... on Nosuch { id } } } }",
    "{ viewer { apiKey { ... on ID { id } } } }",
    "fragment OnLeaf on String { id } { viewer { apiKey { ...OnLeaf } } }",
    "query A { viewer { apiKey { id } } } query A { viewer { apiKey { id } } }",
    "{ viewer { apiKey { id } } } { viewer { apiKey { name } } }",
    "subscription { nosuch other }",
    "type Extra { id: ID }",
    "query ($id: ID!, $id: ID!) { bucket(id: $id) { id } }",
    "query ($unused: ID) { viewer { apiKey { id } } }",
    "{ bucket(id: $undefined) { id } }",
    "query ($id: Nosuch) { bucket(id: $id) { id } }",
    "query ($id: Bucket) { bucket(id: $id) { id } }",
    "query ($id: Int) { bucket(id: $id) { id } }",
    "query ($ids: [ID!]) { nodes(ids: $ids) { id } }",
    "{ bucket(id: {a: 1}) { id } }",
    "{ buckets(first: 1.5) { totalCount } }",
    "{ buckets(orderBy: [{field: NOSUCH}]) { totalCount } }",
    "{ buckets(filter: {nosuch: 1}) { totalCount } }",
    '{ buckets(filter: {name: {eq: "a", eq: "b"}}) { totalCount } }',
    '{ bucket(nosuch: "x") { id } }',
    '{ bucket(id: "x", id: "y") { id } }',
    "{ node { id } }",
    "{ viewer @nosuch { apiKey { id } } }",
    "{ viewer @skip { apiKey { id } } }",
    "{ viewer @skip(if: true) @skip(if: false) { apiKey { id } } }",
    "query @include(if: true) { viewer { apiKey { id } } }",
    "{ viewer { apiKey { a: id a: name } } }",
    "{ one: viewer { apiKey { a: id } } one: viewer { apiKey { a: name } } }",
    "{ __schema { types { fields { type { fields { type { fields { type { fields"
    " { name } } } } } } } } } }",
    "{ " + " ".join(f"nosuch{number}" for number in range(150)) + " }",
]
RIGHT = [
    "{ viewer { apiKey { id } } }",
    "query A($id: ID!) { bucket(id: $id) { ...F } } fragment F on Bucket { id @skip(if: true) }",
    "query A { buckets { totalCount } } query B { __schema { queryType { name } } }",
]


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return make_schema()


def told(errors: list[GraphQLError]) -> list[object]:
    return [each.formatted for each in errors]


@pytest.mark.parametrize("text", WRONG)
def test_refuses_as_graphql_core_does(text: str, schema: GatewaySchema) -> None:
    document = parse(text)

    found = problems(schema._schema, document)

    assert found
    assert told(found) == told(validate(schema._schema, document, RULES, max_errors=MOST_PROBLEMS))


@pytest.mark.parametrize("text", RIGHT)
def test_takes_what_is_right(text: str, schema: GatewaySchema) -> None:
    assert problems(schema._schema, parse(text)) == []


def test_every_rule_has_its_say(schema: GatewaySchema) -> None:
    documents = [parse(text) for text in WRONG]
    silent = {
        rule.__name__
        for rule in RULES
        if not any(validate(schema._schema, document, [rule]) for document in documents)
    }

    assert silent <= IDLE


@pytest.mark.parametrize("about", rules._ABOUT, ids=" ".join)
def test_rules_that_are_left_out_wrongly_are_missed(
    about: tuple[str, ...], schema: GatewaySchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_ABOUT", {("never there",): rules._ABOUT[about]})
    rules._rules.cache_clear()

    found = [told(problems(schema._schema, parse(text))) for text in WRONG]

    rules._rules.cache_clear()
    core = [
        told(validate(schema._schema, parse(text), RULES, max_errors=MOST_PROBLEMS))
        for text in WRONG
    ]
    assert found != core


@pytest.mark.parametrize("directive", ["@stream(initialCount: 0)", "@stream", "@defer"])
def test_what_the_schema_does_not_have_is_unknown_anywhere(
    directive: str, schema: GatewaySchema
) -> None:
    document = parse(f"subscription {{ statusChanged {{ __typename {directive} }} }}")

    found = [each.message for each in problems(schema._schema, document)]

    assert found == [f"Unknown directive '{directive.partition('(')[0]}'."]


def test_a_document_that_was_not_parsed_is_asked_for_everything(schema: GatewaySchema) -> None:
    document = parse("{ bucket(id: $undefined) { id ...Missing } }", no_location=True)

    found = [each.message for each in problems(schema._schema, document)]

    assert set(found) == {"Unknown fragment 'Missing'.", "Variable '$undefined' is not defined."}

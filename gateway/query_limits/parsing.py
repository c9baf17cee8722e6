"""Texts into documents; a text that is too long is given up before it is read to its end."""

from __future__ import annotations

from graphql import DocumentNode, GraphQLSyntaxError, parse

from gateway.query_limits.limits import QueryLimits, exceeded


def parse_within(text: str, limits: QueryLimits) -> DocumentNode:
    """Return the document of a text.

    Raises:
        GraphQLError: It is no GraphQL, or beyond a limit.
    """
    if len(text) > limits.characters:
        what = "the document has {} characters"
        raise exceeded("characters", what, len(text), limits.characters)
    try:
        return parse(text, max_lexical_tokens=limits.tokens)
    except GraphQLSyntaxError as error:
        # What graphql-core says of it; it tells this error apart in no other way.
        if f"more than {limits.tokens} tokens" not in error.message:
            raise
    raise exceeded("tokens", "the document has {} tokens or more", limits.tokens + 1, limits.tokens)

"""Texts into documents; a text that is too long is given up before it is read to its end."""

from __future__ import annotations

from graphql import DocumentNode, GraphQLSyntaxError, Location, Token, TokenKind
from graphql.language.parser import Parser

from gateway.query_limits.limits import QueryLimits, exceeded

_NO_TOKEN = Token(TokenKind.SOF, 0, 0, 0, 0)


class _Parser(Parser):
    """Notes where nodes stand, and lets go of their tokens, a third of what a document takes."""

    def loc(self, start_token: Token) -> Location | None:
        """Return the place of a node that has just been read."""
        place = super().loc(start_token)
        if place is not None:
            place.start_token = place.end_token = _NO_TOKEN
        return place


def parse_within(text: str, limits: QueryLimits) -> DocumentNode:
    """Return the document of a text.

    Raises:
        GraphQLError: It is no GraphQL, or beyond a limit.
    """
    if len(text) > limits.characters:
        what = "the document has {} characters"
        raise exceeded("characters", what, len(text), limits.characters)
    try:
        return _Parser(
            text,
            max_lexical_tokens=limits.tokens,
            allow_empty_selection_sets=False,  # the specification has none
        ).parse_document()
    except GraphQLSyntaxError as error:
        # What graphql-core says of it; it tells this error apart in no other way.
        if f"more than {limits.tokens} tokens" not in error.message:
            raise
    raise exceeded("tokens", "the document has {} tokens or more", limits.tokens + 1, limits.tokens)

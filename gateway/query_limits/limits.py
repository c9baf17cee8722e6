"""The limits of documents and variables, and what is said where one is exceeded."""

from __future__ import annotations

from dataclasses import dataclass

from graphql import GraphQLError, Node

from gateway.errors import LimitExceeded

# What every client reads exactly; a fragment bomb has more fields than anybody counts.
MOST_TOLD = 2**53 - 1


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Bounds of one document; the defaults are those of the settings.

    Args:
        nesting: Fields and fragments within one another.
        fields: And fragments, of an operation. Here and below, what a fragment holds counts at
            each of its uses.
        repeated_keys: Fields of one name in one object of the answer.
        list_items: Of one list of an input.
        cost: Rows that an operation may read, as its page sizes say.
    """

    characters: int = 128 * 1024
    tokens: int = 5000
    definitions: int = 50
    variables: int = 100
    depth: int = 16
    nesting: int = 100
    fields: int = 1000
    aliases: int = 30
    directives: int = 30
    repeated_keys: int = 50
    list_items: int = 100_000
    cost: int = 5_000_000


DEFAULTS = QueryLimits()


def exceeded(
    limit: str, what: str, value: int, maximum: int, node: Node | None = None, *, mend: str = ""
) -> GraphQLError:
    """Return the error of a limit, at a node of the document.

    Args:
        limit: Its name for programs.
        what: What has the value, as in "the operation has {} aliases".
        mend: What would be right, where that is not plain.
    """
    told = min(value, MOST_TOLD)
    message = f"{what.format(told)}; the most is {maximum}"
    if mend:
        message += f", so {mend}"
    failure = LimitExceeded(message, limit=limit, value=told, maximum=maximum)
    return GraphQLError(failure.message, node, original_error=failure)

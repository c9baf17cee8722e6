"""What clients are told of errors: which code each carries, and which are masked."""

from __future__ import annotations

import logging

from graphql import GraphQLError, GraphQLSyntaxError

from gateway.errors import GatewayError, Unexpected
from gateway.observing import notes
from gateway.scalars import UnreadableValue
from gateway.wording import readable

logger = logging.getLogger(__name__)


def told(failure: GatewayError) -> GraphQLError:
    """Return a failure as an error of a request."""
    return GraphQLError(failure.message, original_error=failure)


def tell(errors: list[GraphQLError], *, is_request_error: bool) -> None:
    """Give each error its code, in place; log a fault of ours whole and hide its text.

    Args:
        is_request_error: Nothing was executed.
    """
    for index, error in enumerate(errors):
        if is_request_error and _is_unreadable(error):
            errors[index] = _refused(error)
        elif _is_fault(error):
            logger.error("unexpected error at %s", error.path, exc_info=error.original_error)
            errors[index] = _hidden(error)
        elif "code" not in (error.extensions or {}):
            error.extensions = {
                **(error.extensions or {}),
                "code": _code(error, is_request_error),
            }
        errors[index].message = readable(errors[index].message)
        notes.failed((errors[index].extensions or {})["code"])


def _is_fault(error: GraphQLError) -> bool:
    """Tell whether an error is a bug or an outage whose text is not for callers."""
    original = error.original_error
    if isinstance(original, GatewayError):
        return original.code == GatewayError.code and not isinstance(original, Unexpected)
    expected = GraphQLError | UnreadableValue
    return original is not None and not isinstance(original, expected)


def _is_unreadable(error: GraphQLError) -> bool:
    """Tell whether Python cannot read a value in the document: a number of 5,000 digits."""
    original = error.original_error
    is_own = isinstance(original, UnreadableValue)
    return error.path is None and isinstance(original, ValueError) and not is_own


def _refused(error: GraphQLError) -> GraphQLError:
    return GraphQLError(
        "this value cannot be read; a number may have 4300 digits",
        error.nodes,
        extensions={"code": "GRAPHQL_VALIDATION_FAILED"},
    )


def _hidden(error: GraphQLError) -> GraphQLError:
    failure = Unexpected(notes.request_id())
    return GraphQLError(failure.message, error.nodes, path=error.path, original_error=failure)


def _code(error: GraphQLError, is_request_error: bool) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    if is_request_error and error.path is None:
        return "GRAPHQL_VALIDATION_FAILED"
    return "BAD_USER_INPUT"

"""Failures that a caller can mend, as the schema shows them."""

from __future__ import annotations

from typing import Any

import strawberry

from gateway import errors
from gateway.enums import Word, words
from gateway.planner.node import Node
from gateway.planner.rows import row


@words("What is wrong; clients branch on it.")
class ErrorCode(Word):
    INVALID = "INVALID", "A value that is never right, whatever is stored."
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH", "A value that the bucket's schema refuses."
    NOT_FOUND = "NOT_FOUND", "An id or name that is unknown in this namespace."
    ALREADY_EXISTS = "ALREADY_EXISTS", "A name or key that is taken."
    POLICY_REQUIRED = (
        "POLICY_REQUIRED",
        "The bucket has a unique key, and neither it nor the input has a policy.",
    )
    VERSION_MISMATCH = (
        "VERSION_MISMATCH",
        "The expected version is old; read again and decide anew.",
    )
    LOCKED = "LOCKED", "The bucket is read-only."
    BAD_STATE = "BAD_STATE", "The status it has does not allow this."
    TOO_LARGE = "TOO_LARGE", "A value beyond its limit."
    FETCH_FAILED = "FETCH_FAILED", "A URL whose bytes cannot be had."
    CHECKSUM_MISMATCH = "CHECKSUM_MISMATCH", "Other bytes came than were announced."
    IDEMPOTENCY_REUSED = (
        "IDEMPOTENCY_REUSED",
        "The idempotency key came with another mutation or other input before.",
    )
    ABORTED = "ABORTED", "Nothing was kept of a bulk, because of other inputs of it."


@strawberry.interface(description="Something in the input that the caller can mend.")
class UserError:
    code: ErrorCode = strawberry.field(description="What is wrong.")
    message: str = strawberry.field(
        description="For people: what is wrong and what would be right."
    )
    path: list[str] = strawberry.field(
        description='Where in the input, as in ["blobs", "0", "type"].'
    )


@strawberry.type(description="A value that is wrong.")
class FieldError(UserError):
    allowed: list[str] | None = strawberry.field(
        description="The values that would be right, where they can be listed."
    )


@strawberry.type(description="A value that does not fit what is stored.")
class ConflictError(UserError):
    existing: Node | None = strawberry.field(description="What it conflicts with.")
    current_version: int | None = strawberry.field(description="The version that it has now.")


def to_user_errors(failure: errors.UserFailure | errors.Refused) -> list[UserError]:
    """Return the schema's view of a failure."""
    if isinstance(failure, errors.Refused):
        return [_to_user_error(each) for each in failure.failures]
    return [_to_user_error(failure)]


def from_plain(values: dict[str, Any]) -> UserError:
    """Return an error from its fields, the code as text."""
    kind = FieldError if "allowed" in values else ConflictError
    return kind(**values | {"code": ErrorCode[values["code"]]})


def _to_user_error(failure: errors.UserFailure) -> UserError:
    code, path = ErrorCode[failure.code], list(failure.path)
    if isinstance(failure, errors.VersionMismatch | errors.AlreadyExists):
        existing = None if failure.existing_id is None else row(id=failure.existing_id)
        version = getattr(failure, "current_version", None)
        return ConflictError(
            code=code,
            message=failure.message,
            path=path,
            existing=existing,
            current_version=version,
        )
    allowed = getattr(failure, "allowed", None)
    return FieldError(
        code=code,
        message=failure.message,
        path=path,
        allowed=None if allowed is None else list(allowed),
    )

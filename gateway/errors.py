"""Every failure a caller can see.

GatewayError                  code for programs, message for people
├── UserFailure               the caller can mend it: data in a payload's ``errors``, with a path
│   ├── InvalidInput          INVALID           a value that is never right
│   ├── SchemaMismatch        SCHEMA_MISMATCH   a value that the bucket's schema refuses
│   ├── NotFound              NOT_FOUND         unknown here; so is another namespace's id
│   ├── AlreadyExists         ALREADY_EXISTS    a name or key that is taken
│   ├── PolicyRequired        POLICY_REQUIRED   neither the input nor the bucket has a policy
│   ├── VersionMismatch       VERSION_MISMATCH  the caller's ``expectedVersion`` is old
│   ├── Locked                LOCKED            the bucket is read-only
│   ├── BadState              BAD_STATE         not from the status it has
│   ├── TooLarge              TOO_LARGE         beyond a limit
│   ├── FetchFailed           FETCH_FAILED      a URL whose bytes cannot be had
│   ├── ChecksumMismatch      CHECKSUM_MISMATCH other bytes came than were announced
│   ├── IdempotencyReused     IDEMPOTENCY_REUSED    a key that came with something else before
│   └── Aborted               ABORTED           other inputs of the bulk failed
├── Refused                   several UserFailures at once
├── Overtaken                 what was found is gone; never shown, for who meets it begins anew
└── RequestFailure            nothing in the input mends it: a top-level error
    ├── Unauthenticated       UNAUTHENTICATED
    ├── NamespaceRequired     NAMESPACE_REQUIRED
    ├── Forbidden             FORBIDDEN
    ├── BadUserInput          BAD_USER_INPUT    an argument of a read
    ├── LimitExceeded         LIMIT_EXCEEDED    a request that is larger than one may be
    │   └── TooManyRequests   LIMIT_EXCEEDED    one that would be taken later
    ├── DeadlineExceeded      DEADLINE_EXCEEDED     one that takes longer than it may
    ├── PersistedQueryNotFound PERSISTED_QUERY_NOT_FOUND    a hash whose text has to be sent
    ├── NotTrusted            PERSISTED_QUERY_NOT_IN_LIST   no trusted document
    ├── Unavailable           UNAVAILABLE       the database or the blob store gives no answer
    └── Unexpected            INTERNAL_SERVER_ERROR    a bug, in place of what it raised

Anything else that is raised is a bug: logged whole, shown as ``Unexpected``.
"""

from __future__ import annotations

from collections.abc import Sequence


class GatewayError(Exception):
    """A failure with a code that clients branch on and a message for people."""

    code = "INTERNAL_SERVER_ERROR"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UserFailure(GatewayError):
    """A failure that the caller can mend.

    Args:
        message: Says what is wrong and what would be right.
        path: Where in the mutation's input, in the names clients use: ``("blobs", "0", "type")``.
    """

    def __init__(self, message: str, path: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.path = tuple(path)

    def below(self, *parents: str) -> UserFailure:
        """Return this failure, its path moved under ``parents``."""
        self.path = (*parents, *self.path)
        return self


class InvalidInput(UserFailure):
    """A value that is never right, whatever is stored.

    Args:
        allowed: The values that would be right, where they can be listed.
    """

    code = "INVALID"

    def __init__(
        self, message: str, path: Sequence[str] = (), *, allowed: Sequence[str] | None = None
    ) -> None:
        super().__init__(message, path)
        self.allowed = None if allowed is None else tuple(allowed)


class SchemaMismatch(InvalidInput):
    """A value that does not fit the bucket's schema."""

    code = "SCHEMA_MISMATCH"


class NotFound(UserFailure):
    """An id or name that is unknown in the caller's namespace."""

    code = "NOT_FOUND"


class AlreadyExists(UserFailure):
    """A name or key that is taken.

    Args:
        existing_id: The id of what has it, if it is known.
    """

    code = "ALREADY_EXISTS"

    def __init__(
        self, message: str, path: Sequence[str] = (), *, existing_id: str | None = None
    ) -> None:
        super().__init__(message, path)
        self.existing_id = existing_id


class PolicyRequired(UserFailure):
    """The bucket has a unique key, and nothing says what happens if it is there already.

    Args:
        allowed: The policies.
    """

    code = "POLICY_REQUIRED"

    def __init__(self, message: str, path: Sequence[str] = (), *, allowed: Sequence[str]) -> None:
        super().__init__(message, path)
        self.allowed = tuple(allowed)


class VersionMismatch(UserFailure):
    """The row has moved on since the caller read it.

    Args:
        existing_id: The id of the row.
        current_version: The version it has now.
    """

    code = "VERSION_MISMATCH"

    def __init__(self, *, existing_id: str, expected: int, current: int) -> None:
        super().__init__(
            f"expectedVersion is {expected}, but the version is {current} now;"
            " read it again and decide anew",
            ("expectedVersion",),
        )
        self.existing_id = existing_id
        self.current_version = current


class Locked(UserFailure):
    """The bucket is read-only."""

    code = "LOCKED"


class BadState(UserFailure):
    """The entity's status does not allow this.

    Args:
        allowed: The statuses that it could get, where one was asked for.
    """

    code = "BAD_STATE"

    def __init__(
        self, message: str, path: Sequence[str] = (), *, allowed: Sequence[str] | None = None
    ) -> None:
        super().__init__(message, path)
        self.allowed = None if allowed is None else tuple(allowed)


class TooLarge(UserFailure):
    """A value beyond its limit; the message names both."""

    code = "TOO_LARGE"


class FetchFailed(UserFailure):
    """A URL whose bytes cannot be had; the message names it, without its query, and says why."""

    code = "FETCH_FAILED"


class ChecksumMismatch(UserFailure):
    """Other bytes came than were announced; the message tells both sizes or hashes."""

    code = "CHECKSUM_MISMATCH"


class IdempotencyReused(UserFailure):
    """A key that came with another mutation or other input before."""

    code = "IDEMPOTENCY_REUSED"


class Aborted(UserFailure):
    """Nothing was kept of a bulk, because of other inputs of it."""

    code = "ABORTED"


class Overtaken(GatewayError):
    """Another transaction has removed what this one had found, and has committed before it."""


class Refused(GatewayError):
    """Several failures that the caller can mend, told at once."""

    code = "INVALID"

    def __init__(self, failures: Sequence[UserFailure]) -> None:
        super().__init__("; ".join(failure.message for failure in failures))
        self.failures = tuple(failures)


class RequestFailure(GatewayError):
    """A failure of the whole request or root field, shown as a top-level error."""

    @property
    def extensions(self) -> dict[str, str | int | float]:
        """What graphql-core copies into the error's ``extensions``."""
        return {"code": self.code}


class Unauthenticated(RequestFailure):
    """No key, or one that is unknown, expired or revoked."""

    code = "UNAUTHENTICATED"


class NamespaceRequired(RequestFailure):
    """No namespace, or none that the key may use."""

    code = "NAMESPACE_REQUIRED"


class Forbidden(RequestFailure):
    """The key's permissions do not reach this far."""

    code = "FORBIDDEN"


class BadUserInput(RequestFailure):
    """An argument that no read can answer."""

    code = "BAD_USER_INPUT"


class LimitExceeded(RequestFailure):
    """A request that is larger than this gateway takes.

    Args:
        limit: Its name, as in "aliases".
        value: What the request has of it.
        maximum: The most it may have.
    """

    code = "LIMIT_EXCEEDED"

    def __init__(self, message: str, *, limit: str, value: int, maximum: int) -> None:
        super().__init__(message)
        self.limit = limit
        self.value = value
        self.maximum = maximum

    @property
    def extensions(self) -> dict[str, str | int | float]:
        """What graphql-core copies into the error's ``extensions``."""
        told: dict[str, str | int | float] = {
            "limit": self.limit,
            "value": self.value,
            "maximum": self.maximum,
        }
        return super().extensions | told


class TooManyRequests(LimitExceeded):
    """A request that comes too early after the others, or while too much is open.

    Args:
        maximum: How many there may be: in a second, in the long run, or at a time.
        wait_s: When the next one will be taken, or may well be.
    """

    def __init__(self, message: str, *, limit: str, maximum: int, wait_s: float) -> None:
        super().__init__(message, limit=limit, value=maximum + 1, maximum=maximum)
        self.wait_s = wait_s

    @property
    def extensions(self) -> dict[str, str | int | float]:
        """What graphql-core copies into the error's ``extensions``."""
        return super().extensions | {"retryAfter": self.wait_s}


class DeadlineExceeded(RequestFailure):
    """An operation that was stopped because it took too long.

    Args:
        operation_s: How long it may take.
        may_have_changed: Whether nobody can say that it changed nothing: what it did was being
            committed, or had been.
    """

    code = "DEADLINE_EXCEEDED"

    def __init__(self, operation_s: float, *, may_have_changed: bool) -> None:
        outcome = "nothing was changed"
        if may_have_changed:
            outcome = (
                "its change may have been made: look for it, or send it again if it has an"
                " idempotency key"
            )
        super().__init__(
            f"the operation took longer than {operation_s:g} s and was stopped; {outcome}"
        )
        self.may_have_changed = may_have_changed

    @property
    def extensions(self) -> dict[str, str | int | float]:
        """What graphql-core copies into the error's ``extensions``."""
        outcome = "UNKNOWN" if self.may_have_changed else "NOTHING_CHANGED"
        return super().extensions | {"outcome": outcome}


class PersistedQueryNotFound(RequestFailure):
    """The text of a hash is not known here; clients know the message, and send both."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class NotTrusted(RequestFailure):
    """A document that is not among those this gateway answers."""

    code = "PERSISTED_QUERY_NOT_IN_LIST"

    def __init__(self) -> None:
        super().__init__("this gateway answers trusted documents only, and this is none of them")


class Unavailable(RequestFailure):
    """The database or the blob store gives no answer; trying again may help."""

    code = "UNAVAILABLE"


class Unexpected(RequestFailure):
    """A fault of ours; the log tells the rest of it.

    Args:
        request_id: By which it is found there.
    """

    def __init__(self, request_id: str) -> None:
        super().__init__("Unexpected error.")
        self.request_id = request_id

    @property
    def extensions(self) -> dict[str, str | int | float]:
        """What graphql-core copies into the error's ``extensions``."""
        return super().extensions | {"requestId": self.request_id}

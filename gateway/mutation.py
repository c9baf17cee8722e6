"""``mutation``: Strawberry's, with a permission, and failures as the payload's errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types import Info
from strawberry.types.unset import UNSET
from strawberry.utils.str_converters import to_camel_case

from gateway.checks import check_text, has_harmless_text
from gateway.context import Context
from gateway.enums import Permission
from gateway.errors import BadUserInput, InvalidInput, Refused, UserFailure
from gateway.idempotency.answers import Replayed, refusal_of_each
from gateway.idempotency.attempt import Attempt
from gateway.idempotency.claims import PATH
from gateway.idempotency.keys import fingerprint, key_of
from gateway.planner.declare import sized_by
from gateway.planner.outcome import Outcome
from gateway.user_errors import to_user_errors


class _Info(NamedTuple):
    """What a mutation may ask for."""

    context: Context
    return_type: Any


class _Answered(FieldExtension):
    """Checks the permission and the text of all input, and answers failures with the payload.

    With an idempotency key the mutation is made once, and answered as often as it is sent.

    Args:
        most_inputs: Of a bulk, which checks and answers each of its inputs itself.
        shows_secret: Whether its answer must not be kept.
    """

    def __init__(
        self,
        permission: Permission,
        *,
        most_inputs: int | None = None,
        shows_secret: bool = False,
    ) -> None:
        self._permission = permission
        self._most_inputs = most_inputs
        self._shows_secret = shows_secret

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        if type(source) is Outcome:
            return source.payload()  # it was made on the short road
        info.context.caller.require(self._permission)
        if self._most_inputs is not None:
            count = len(kwargs["inputs"])
            if count > self._most_inputs:
                most = self._most_inputs
                raise BadUserInput(f"inputs has {count} items; the most is {most}")
            try:
                return await self._made(next_, source, info, kwargs)
            except (UserFailure, Refused) as failure:  # of the key
                bulk: Any = info.return_type
                return refusal_of_each(bulk, count, to_user_errors(failure))
        try:
            if not has_harmless_text(kwargs):
                for name, value in kwargs.items():
                    check_text(as_plain(value), () if name == "input" else (to_camel_case(name),))
            return await self._made(next_, source, info, kwargs)
        except (UserFailure, Refused) as failure:
            payload: Any = info.return_type
            return payload(errors=to_user_errors(failure))

    async def _made(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, kwargs: dict[str, Any]
    ) -> Any:
        key = key_of(info, kwargs)
        if key is None:
            return await next_(source, info, **kwargs)
        if self._shows_secret:
            raise InvalidInput(
                "the answer shows a secret, which is not kept, so it cannot be given again;"
                " send this without the header Idempotency-Key",
                PATH,
            )
        context: Context = info.context
        attempt = Attempt(
            context.database,
            context.caller.namespace_id,
            key=key,
            fingerprint=await fingerprint(info.field_name, kwargs),
        )
        return_type: Any = info.return_type
        keyed = _Info(dataclasses.replace(context, attempt=attempt), return_type)
        try:
            return await attempt.answer(lambda: next_(source, keyed, **kwargs))
        except Replayed as replayed:
            return replayed.payload(return_type)


def mutation(*, permission: Permission, description: str, shows_secret: bool = False) -> Any:
    """Declare a mutation; its payload's fields other than ``errors`` have defaults.

    Args:
        shows_secret: Whether the payload has what must not be kept; it takes no idempotency key.
    """
    extension = _Answered(permission, shows_secret=shows_secret)
    return strawberry.mutation(description=description, extensions=[extension])


def bulk_mutation(*, permission: Permission, most_inputs: int, description: str) -> Any:
    """Declare a mutation of a list of ``inputs``, each of which gets a payload of its own."""
    extension = _Answered(permission, most_inputs=most_inputs)
    metadata = sized_by("inputs", most=most_inputs)
    return strawberry.mutation(description=description, extensions=[extension], metadata=metadata)


def as_plain(value: Any) -> Any:
    """Return an input as plain data under the names clients use."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        given = {to_camel_case(each.name): getattr(value, each.name) for each in fields}
        return {name: as_plain(each) for name, each in given.items() if each is not UNSET}
    if isinstance(value, list):
        return [as_plain(each) for each in value]
    return value

"""``mutation``: Strawberry's, with a permission, and failures as the payload's errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types import Info
from strawberry.types.unset import UNSET
from strawberry.utils.str_converters import to_camel_case

from gateway.checks import check_text, has_harmless_text
from gateway.enums import Permission
from gateway.errors import BadUserInput, Refused, UserFailure
from gateway.planner.outcome import Outcome
from gateway.user_errors import to_user_errors


class _Answered(FieldExtension):
    """Checks the permission and the text of all input, and answers failures with the payload.

    Args:
        most_inputs: Of a bulk, which checks and answers each of its inputs itself.
    """

    def __init__(self, permission: Permission, *, most_inputs: int | None = None) -> None:
        self._permission = permission
        self._most_inputs = most_inputs

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
            return await next_(source, info, **kwargs)
        try:
            if not has_harmless_text(kwargs):
                for name, value in kwargs.items():
                    check_text(as_plain(value), () if name == "input" else (to_camel_case(name),))
            return await next_(source, info, **kwargs)
        except (UserFailure, Refused) as failure:
            payload: Any = info.return_type
            return payload(errors=to_user_errors(failure))


def mutation(*, permission: Permission, description: str) -> Any:
    """Declare a mutation; its payload's fields other than ``errors`` have defaults."""
    return strawberry.mutation(description=description, extensions=[_Answered(permission)])


def bulk_mutation(*, permission: Permission, most_inputs: int, description: str) -> Any:
    """Declare a mutation of a list of ``inputs``, each of which gets a payload of its own."""
    extension = _Answered(permission, most_inputs=most_inputs)
    return strawberry.mutation(description=description, extensions=[extension])


def as_plain(value: Any) -> Any:
    """Return an input as plain data under the names clients use."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        given = {to_camel_case(each.name): getattr(value, each.name) for each in fields}
        return {name: as_plain(each) for name, each in given.items() if each is not UNSET}
    if isinstance(value, list):
        return [as_plain(each) for each in value]
    return value

"""Which key a mutation has, and what tells its input from another."""

from __future__ import annotations

import asyncio
import dataclasses
from hashlib import sha256
from secrets import token_bytes
from typing import Any

import orjson
from graphql import FieldNode

from gateway.checks import check_name
from gateway.errors import InvalidInput
from gateway.idempotency.claims import PATH

MOST_CHARACTERS = 255
# It takes longer to hash than to hand over to a thread. Writing holds the interpreter in any case.
_LARGE_BYTES = 256 * 1024
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
_OWN = "idempotency_key"


def key_of(info: Any, arguments: dict[str, Any]) -> str | None:
    """Return the key that a mutation's input or its request's header gives; None for neither.

    Raises:
        InvalidInput: The two are not the same, or no key at all.
        TooLarge: It is too long.
    """
    own = own_key_of(arguments.get("input"))
    header: str | None = info.context.idempotency_key
    if header is None or header == own:
        return own
    if own is not None:
        raise InvalidInput(
            "idempotencyKey is not what the header Idempotency-Key says; send one of the two", PATH
        )
    return check_name(_for_field(header, info), PATH, most=MOST_CHARACTERS)


def own_key_of(input: Any) -> str | None:
    """Return the key in an input; None if it has none.

    Raises:
        InvalidInput, TooLarge: It is no key.
    """
    own = getattr(input, _OWN, None)
    return None if own is None else check_name(own, PATH, most=MOST_CHARACTERS)


def _for_field(header: str, info: Any) -> str:
    """Return a request's key, made another for each field where the document may have several."""
    fields = info.operation.selection_set.selections
    if len(fields) == 1 and isinstance(fields[0], FieldNode):
        return header
    return f"{header}:{info.path.key}"


async def fingerprint(mutation: str, arguments: dict[str, Any]) -> bytes:
    """Return the SHA-256 of a mutation's name and arguments, without the key.

    What has its default is left out: it is the same whether it is sent or not, and a release that
    adds a field to an input changes no fingerprint.
    """
    text = _written([mutation, arguments])
    if len(text) < _LARGE_BYTES:
        return _hash(text)
    return await asyncio.to_thread(_hash, text)


def _hash(text: bytes) -> bytes:
    return sha256(text).digest()


def _written(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_sent, option=_OPTIONS)
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits, ever more levels: nothing of it can be kept, so it need not be
        # known again, only told from all else.
        return token_bytes()


def _sent(value: Any) -> Any:
    if not dataclasses.is_dataclass(value):
        return str(value)
    fields = {each.name: each for each in dataclasses.fields(value) if each.name != _OWN}
    return {
        name: given
        for name, field in fields.items()
        if not _is_default(field, given := getattr(value, name))
    }


def _is_default(field: dataclasses.Field[Any], given: object) -> bool:
    factory = field.default_factory
    default = field.default if factory is dataclasses.MISSING else factory()
    return given is default or given == default

"""The keys of a bulk's inputs: each is made once, whichever bulk or single mutation brings it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from gateway.database.transaction import Transaction
from gateway.errors import Refused, UserFailure
from gateway.idempotency import claims
from gateway.idempotency.answers import Replayed, to_plain
from gateway.idempotency.keys import fingerprint, own_key_of

Keep: TypeAlias = Callable[[Transaction, list[Any]], Awaitable[Sequence[Any]]]


def each_once(keep: Keep, *, mutation: str, payload: Callable[[Any], Any]) -> Keep:
    """Return ``keep`` for those inputs whose keys were not made before; of others, ``Replayed``.

    Of two inputs with the same key, the second gets what the first gets, as a replay; or is
    refused, if it is not the same.

    Args:
        mutation: The one that makes a single input: the keys of both are the same.
        payload: Makes an input's payload of what ``keep`` returns of it.
    """

    async def keep_new(tx: Transaction, inputs: list[Any]) -> Sequence[Any]:
        outcomes: dict[int, Any] = {}
        first_of: dict[str, int] = {}
        fingerprints: dict[str, bytes] = {}
        twins: list[tuple[int, int]] = []
        for index, input in enumerate(inputs):
            try:
                key = own_key_of(input)
            except UserFailure as failure:
                outcomes[index] = failure
                continue
            if key is None:
                continue
            sent = await fingerprint(mutation, {"input": input})
            if fingerprints.setdefault(key, sent) != sent:
                outcomes[index] = claims.reused()
            elif first_of.setdefault(key, index) != index:
                twins.append((index, first_of[key]))
        if not first_of and not outcomes:
            return await keep(tx, inputs)
        for key, earlier in (await claims.claim(tx, fingerprints)).items():
            outcomes[first_of[key]] = earlier
        wanted = [
            index
            for index in range(len(inputs))
            if index not in outcomes and index not in dict(twins)
        ]
        kept = await keep(tx, [inputs[index] for index in wanted]) if wanted else []
        outcomes |= dict(zip(wanted, kept, strict=True))
        await _answer(tx, {key: outcomes[first_of[key]] for key in first_of}, payload)
        for index, first in twins:
            outcomes[index] = _again(outcomes[first], payload)
        return [outcomes[index] for index in range(len(inputs))]

    return keep_new


async def _answer(tx: Transaction, outcomes: dict[str, Any], payload: Callable[[Any], Any]) -> None:
    answers: dict[str, dict[str, Any]] = {}
    released: list[str] = []
    for key, outcome in outcomes.items():
        if isinstance(outcome, claims.Earlier):
            continue
        if isinstance(outcome, UserFailure | Refused):
            released.append(key)
        else:
            answers[key] = to_plain(payload(outcome))
    if answers:
        await claims.answer(tx, answers)
    if released:
        await claims.release(tx, released)


def _again(first: Any, payload: Callable[[Any], Any]) -> Any:
    if isinstance(first, Replayed | UserFailure | Refused):
        return first
    return Replayed(to_plain(payload(first)))

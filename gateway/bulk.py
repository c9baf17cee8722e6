"""Keeping what many inputs bring, each of which is answered for itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from gateway.checks import check_text, has_harmless_text
from gateway.context import Context
from gateway.database.transaction import RollBack, Transaction
from gateway.enums import OnError
from gateway.errors import Aborted, Overtaken, Refused, Unavailable, UserFailure
from gateway.mutation import as_plain

MOST_INPUTS = 1000
_MOST_TRIES = 20

T = TypeVar("T")


async def keep_each(
    context: Context,
    inputs: Sequence[Any],
    on_error: OnError,
    keep: Callable[[Transaction, list[Any]], Awaitable[Sequence[T | UserFailure | Refused]]],
    *,
    ahead: Callable[[list[Any]], Awaitable[Sequence[object]]] | None = None,
) -> list[T | UserFailure | Refused]:
    """Return of each input what ``keep`` makes of it, or why there is nothing.

    Args:
        keep: Gets those inputs that are not refused before; is called again, in another
            transaction, when it raises ``Overtaken``.
        ahead: Gets those inputs whose text can be kept, before there is a transaction; returns of
            each a failure where it is refused.

    Raises:
        Unavailable: Nothing was kept: the database or the store gives no answer.
    """
    is_whole = on_error is OnError.ABORT_ALL
    outcomes: list[Any] = [_failure_of_text(each) for each in inputs]
    fit = [index for index, failure in enumerate(outcomes) if failure is None]
    if ahead and fit and (len(fit) == len(inputs) or not is_whole):
        found = await ahead([inputs[index] for index in fit])
        for index, outcome in zip(fit, found, strict=True):
            if _is_failure(outcome):
                outcomes[index] = outcome
        fit = [index for index in fit if outcomes[index] is None]
    if fit and (len(fit) == len(inputs) or not is_whole):
        kept = await _in_transaction(context, [inputs[index] for index in fit], keep, is_whole)
        for index, outcome in zip(fit, kept, strict=True):
            outcomes[index] = outcome
    failed = [index for index, outcome in enumerate(outcomes) if _is_failure(outcome)]
    if is_whole and failed:
        first = failed[0]
        for index in set(range(len(inputs))).difference(failed):
            outcomes[index] = Aborted(
                f"nothing was kept, because {len(failed)} of the inputs failed, first"
                f" inputs[{first}]; mend those, or choose CONTINUE"
            )
    return outcomes


async def _in_transaction(
    context: Context,
    inputs: list[Any],
    keep: Callable[[Transaction, list[Any]], Awaitable[Sequence[T | UserFailure | Refused]]],
    is_whole: bool,
) -> Sequence[T | UserFailure | Refused]:
    for _ in range(_MOST_TRIES):
        kept: Sequence[T | UserFailure | Refused] = []
        try:
            async with context.transaction() as tx:
                kept = await keep(tx, inputs)
                if is_whole and any(map(_is_failure, kept)):
                    raise RollBack
        except RollBack:
            return kept
        except Overtaken:
            continue
        return kept
    raise Unavailable("others keep deleting what the inputs name; try again")


def _failure_of_text(input: Any) -> UserFailure | None:
    if has_harmless_text(input):
        return None
    try:
        check_text(as_plain(input), ())
    except UserFailure as failure:
        return failure
    return None


def _is_failure(outcome: object) -> bool:
    return isinstance(outcome, UserFailure | Refused)

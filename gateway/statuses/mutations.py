"""Root fields by which engines tell how their work gets on."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from gateway.bulk import MOST_INPUTS, keep_each
from gateway.database.transaction import Transaction
from gateway.enums import OnError, Permission
from gateway.errors import Refused, UserFailure
from gateway.idempotency.answers import Replayed
from gateway.idempotency.items import each_once
from gateway.mutation import bulk_mutation, mutation
from gateway.planner.rows import row
from gateway.statuses import updating
from gateway.statuses.inputs import UpdateStatusInput
from gateway.statuses.types import BulkStatusPayload, StatusPayload
from gateway.statuses.updating import GivenStatus, Outcome
from gateway.user_errors import to_user_errors


@strawberry.type
class StatusMutations:
    @mutation(
        permission=Permission.WRITE,
        description="Tell the status of an object or a document, for engines outside. An object of"
        " a bucket that is locked or not ACTIVE begins no run, but a run that has begun can be told"
        " of to its end.",
    )
    async def update_status(
        self,
        info: Info,
        input: Annotated[
            UpdateStatusInput, strawberry.argument(description="Whose status, and which.")
        ],
    ) -> StatusPayload:
        async with info.context.transaction() as tx:
            await updating.update_status(tx, _given(input))
        return StatusPayload(node=row(id=input.id))

    @bulk_mutation(
        permission=Permission.WRITE,
        most_inputs=MOST_INPUTS,
        description="Tell up to 1000 statuses, as `updateStatus` would one after another, in one"
        " transaction. Those that can be kept are kept, whatever becomes of the others.",
    )
    async def update_statuses(
        self,
        info: Info,
        inputs: Annotated[
            list[UpdateStatusInput],
            strawberry.argument(
                description="Whose status, and which. Several of the same object or document are"
                " so many changes, in this order."
            ),
        ],
    ) -> BulkStatusPayload:
        async def keep(tx: Transaction, fit: list[UpdateStatusInput]) -> list[Outcome]:
            return await updating.update_statuses(tx, [_given(each) for each in fit])

        once = each_once(keep, mutation="updateStatus", payload=_payload)
        outcomes = await keep_each(info.context, inputs, OnError.CONTINUE, once)
        results = [_payload(outcome) for outcome in outcomes]
        failed = sum(bool(each.errors) for each in results)
        return BulkStatusPayload(results=results, succeeded=len(results) - failed, failed=failed)


def _payload(outcome: Outcome | Replayed) -> StatusPayload:
    if isinstance(outcome, Replayed):
        replayed: StatusPayload = outcome.payload(StatusPayload)
        return replayed
    if isinstance(outcome, UserFailure | Refused):
        return StatusPayload(errors=to_user_errors(outcome))
    return StatusPayload(node=row(id=outcome))


def _given(input: UpdateStatusInput) -> GivenStatus:
    return GivenStatus(
        id=input.id,
        status=input.status,
        error=input.error,
        expected_version=input.expected_version,
    )

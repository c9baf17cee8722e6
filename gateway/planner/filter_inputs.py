"""The filters of single values, which the filters of entities are made of."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import UNSET

from gateway.enums import Status
from gateway.scalars import JSON


@strawberry.input(description="Ids; all that is given has to hold.")
class IdFilter:
    eq: strawberry.ID | None = strawberry.field(default=UNSET, description="This one.")
    in_: list[strawberry.ID] | None = strawberry.field(
        name="in", default=UNSET, description="One of these, at most 1000."
    )


@strawberry.input(description="Texts; all that is given has to hold.")
class StringFilter:
    eq: str | None = strawberry.field(default=UNSET, description="This text.")
    ne: str | None = strawberry.field(default=UNSET, description="Another text, or none.")
    in_: list[str] | None = strawberry.field(
        name="in", default=UNSET, description="One of these, at most 1000."
    )
    nin: list[str] | None = strawberry.field(
        default=UNSET, description="None of these, at most 1000."
    )
    contains: str | None = strawberry.field(default=UNSET, description="With this inside.")
    starts_with: str | None = strawberry.field(default=UNSET, description="With this first.")
    ends_with: str | None = strawberry.field(default=UNSET, description="With this last.")
    is_null: bool | None = strawberry.field(
        default=UNSET, description="true: without a text; false: with one."
    )
    case_sensitive: bool | None = strawberry.field(
        default=True, description="false: capitals do not matter."
    )


@strawberry.input(description="Moments; all that is given has to hold.")
class DateTimeFilter:
    gt: datetime | None = strawberry.field(default=UNSET, description="Later.")
    gte: datetime | None = strawberry.field(default=UNSET, description="Then or later.")
    lt: datetime | None = strawberry.field(default=UNSET, description="Earlier.")
    lte: datetime | None = strawberry.field(default=UNSET, description="Then or earlier.")
    is_null: bool | None = strawberry.field(
        default=UNSET, description="true: without a moment; false: with one."
    )


@strawberry.input(description="Statuses; all that is given has to hold.")
class StatusFilter:
    eq: Status | None = strawberry.field(default=UNSET, description="This one.")
    ne: Status | None = strawberry.field(default=UNSET, description="Another.")
    in_: list[Status] | None = strawberry.field(
        name="in", default=UNSET, description="One of these."
    )
    nin: list[Status] | None = strawberry.field(default=UNSET, description="None of these.")


@strawberry.input(
    description="A value inside metadata; all that is given has to hold. Numbers compare with"
    " numbers, texts with texts, anything else only by `eq`, `ne`, `in` and `nin`."
)
class PathFilter:
    path: str = strawberry.field(
        description="Keys with dots between them, as in `size.width`; with dots in a key: `/a.b/c`."
    )
    eq: JSON | None = strawberry.field(default=UNSET, description="This value.")
    ne: JSON | None = strawberry.field(default=UNSET, description="Another value, or none.")
    in_: list[JSON] | None = strawberry.field(
        name="in", default=UNSET, description="One of these, at most 1000."
    )
    nin: list[JSON] | None = strawberry.field(
        default=UNSET, description="None of these, at most 1000."
    )
    gt: JSON | None = strawberry.field(default=UNSET, description="Larger, or later in order.")
    gte: JSON | None = strawberry.field(default=UNSET, description="As large or larger.")
    lt: JSON | None = strawberry.field(default=UNSET, description="Smaller, or earlier in order.")
    lte: JSON | None = strawberry.field(default=UNSET, description="As small or smaller.")
    contains: str | None = strawberry.field(default=UNSET, description="A text with this inside.")
    starts_with: str | None = strawberry.field(default=UNSET, description="A text with this first.")
    ends_with: str | None = strawberry.field(default=UNSET, description="A text with this last.")
    exists: bool | None = strawberry.field(
        default=UNSET, description="true: the path leads somewhere; false: it does not."
    )
    is_null: bool | None = strawberry.field(
        default=UNSET, description="true: null, or nothing there; false: anything else."
    )

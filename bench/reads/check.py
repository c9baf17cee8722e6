"""That all contenders do the same, before anything is timed and after all is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import click

from bench.reads.contenders import Contender, ask
from bench.reads.load import Request
from bench.reads.workloads import Variables, Workload

_NEW = {"id", "bucketId", "createdAt"}

_WRITTEN = """
    SELECT count(*) AS objects, array_agg(DISTINCT row ORDER BY row) AS rows FROM (
        SELECT jsonb_build_object(
            'object', to_jsonb(o) - '{id,bucket_id,created_at,updated_at}'::text[],
            'blobs', (
                SELECT jsonb_agg(
                    to_jsonb(b) - '{id,object_id,bucket_id,created_at}'::text[] ORDER BY b.position
                )
                FROM blobs b WHERE b.namespace_id = o.namespace_id AND b.object_id = o.id
            )
        )::text AS row
        FROM objects o WHERE o.bucket_id = $1
    ) written
"""


def equal_answers(
    workload: Workload, contenders: Mapping[Contender, Sequence[Variables]]
) -> dict[Contender, list[Request]]:
    """Ask all for the same; return the requests to be timed, with the sizes of their answers.

    Raises:
        ClickException: They answer differently.
    """
    checked: dict[Contender, list[Request]] = {}
    answers: dict[Contender, list[Any]] = {}
    for contender, variables in contenders.items():
        requests = contender.requests(workload, variables)
        bodies = [ask(contender, each) for each in requests[: len(variables)]]
        given = [contender.answer_in(workload, body) for body in bodies]
        answers[contender] = given if workload.ids else _without_what_is_new(given)
        sizes = [None if workload.ids is None else len(body) for body in bodies]
        checked[contender] = [
            Request(text, sizes[index % len(sizes)]) for index, text in enumerate(requests)
        ]
    (first, wanted), *others = answers.items()
    for other, given in others:
        for mine, theirs in zip(wanted, given, strict=True):
            if mine != theirs:
                raise click.ClickException(
                    f"{workload.title}: {first.name} answers {mine}, {other.name} {theirs}"
                )
    return checked


async def equal_rows(connection: asyncpg.Connection, written: Mapping[str, int]) -> None:
    """Compare what was written.

    Args:
        written: How many objects ought to be in which buckets.

    Raises:
        ClickException: An answer was given for a row that is not there, or rows differ.
    """
    kinds = []
    for bucket_id, count in written.items():
        (found,) = await connection.fetch(_WRITTEN, bucket_id)
        if found["objects"] != count:
            raise click.ClickException(
                f"{count} objects were answered for, {found['objects']} are there"
            )
        kinds.append(found["rows"])
    if any(each != kinds[0] for each in kinds):
        raise click.ClickException("the contenders wrote different rows")


def _without_what_is_new(value: Any) -> Any:
    """Return the answer to a write without what no two of them have in common."""
    if isinstance(value, list):
        return [_without_what_is_new(each) for each in value]
    if isinstance(value, dict):
        return {key: _without_what_is_new(each) for key, each in value.items() if key not in _NEW}
    return value

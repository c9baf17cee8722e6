"""`gateway audit`: what the audit log has."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click
import orjson
from asyncpg import Record

from gateway.commands.database import in_transaction, state_option
from gateway.commands.moments import moment_ago
from gateway.commands.output import moment, print_table
from gateway.database.transaction import Transaction
from gateway.namespaces.audit import list_changes


@click.command()
@click.option(
    "--since",
    callback=moment_ago,
    metavar="WHEN",
    help="Leave out what is older: a span like 12h or 30d, or a date (UTC).",
)
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON each, for machines.")
def audit(since: datetime | None, state: Path, as_json: bool) -> None:
    """Tell who changed namespaces and API keys, from where and when; the oldest first."""

    async def work(tx: Transaction) -> list[Record]:
        return await list_changes(tx, since=since)

    rows = in_transaction(state, work)
    if as_json:
        for row in rows:
            click.echo(orjson.dumps(dict(row)).decode())
    else:
        print_table([_line(row) for row in rows], empty="Nothing was changed.")


def _line(row: Record) -> dict[str, str]:
    return {
        "when": moment(row["happened_at"]),
        "what": row["action"].lower().replace("_", " "),
        "which": row["subject_id"],
        "by": row["by_key_id"] or row["by_user"],
        "from": row["origin"],
        "details": orjson.dumps(row["details"]).decode() if row["details"] else "",
    }

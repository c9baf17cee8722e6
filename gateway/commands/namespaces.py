"""`gateway namespaces`: make and list them."""

from __future__ import annotations

from pathlib import Path

import click
from asyncpg import Record

from gateway.commands.database import in_transaction, state_option
from gateway.commands.output import json_option, moment, print_json, print_table
from gateway.database.transaction import Transaction
from gateway.namespaces import service
from gateway.namespaces.audit import Actor


@click.group(short_help="Make and list namespaces.")
def namespaces() -> None:
    """Make and list namespaces, the worlds in which everything but keys lives."""


@namespaces.command()
@click.argument("name")
@click.option("--description", help="For people.")
@state_option
@json_option
def create(name: str, description: str | None, state: Path, as_json: bool) -> None:
    """Make a namespace called NAME: letters, digits, -, _ and dots."""

    async def work(tx: Transaction) -> str:
        by = Actor.at_command_line()
        return await service.create_namespace(
            tx, by=by, reach=None, name=name, description=description
        )

    namespace_id = in_transaction(state, work)
    if as_json:
        print_json({"namespace_id": namespace_id, "namespace_name": name})
    else:
        click.echo(f"Namespace {name} is there; its id is {namespace_id}.")


@namespaces.command("list")
@state_option
@json_option
def list_(state: Path, as_json: bool) -> None:
    """List all namespaces."""
    rows = in_transaction(state, service.list_namespaces)
    if as_json:
        print_json([_record(row) for row in rows])
    else:
        print_table([_line(row) for row in rows], empty="There is no namespace.")


def _record(row: Record) -> dict[str, object]:
    return {"namespace_id": row["id"], **{name: row[name] for name in list(row.keys())[1:]}}


def _line(row: Record) -> dict[str, str]:
    return {
        "name": row["namespace_name"],
        "id": row["id"],
        "created": moment(row["created_at"]),
        "description": row["description"] or "",
    }

"""`gateway keys`: make, list, rotate and revoke them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click
from asyncpg import Record

from gateway.commands.database import in_transaction, state_option
from gateway.commands.moments import moment_ahead
from gateway.commands.output import json_option, moment, print_json, print_table
from gateway.database.transaction import Transaction
from gateway.enums import Permission
from gateway.limits import Limits
from gateway.namespaces import keys as rules
from gateway.namespaces import service
from gateway.namespaces.audit import Actor
from gateway.settings import Settings


@click.group(short_help="Make, list, rotate and revoke API keys.")
def keys() -> None:
    """Make, list, rotate and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option(
    "--permission",
    "permissions",
    type=click.Choice([each.lower() for each in Permission], case_sensitive=False),
    multiple=True,
    required=True,
    help="What it may do; each includes those before it.",
)
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NAME",
    help="Where it may be used, by name or id; may be given again. Left out: everywhere.",
)
@click.option(
    "--expires",
    "expires_at",
    callback=moment_ahead,
    metavar="WHEN",
    help="When it stops to work: a span like 12h or 30d, or a date (UTC). Left out: never.",
)
@state_option
@json_option
def create(
    name: str,
    permissions: tuple[str, ...],
    namespaces: tuple[str, ...],
    expires_at: datetime | None,
    state: Path,
    as_json: bool,
) -> None:
    """Make a key called NAME, for people to know it by; print its secret, this once."""
    limits = Limits(name_characters=Settings.from_environment().max_name_characters)

    async def work(tx: Transaction) -> rules.NewSecret:
        return await rules.create_key(
            tx,
            by=Actor.at_command_line(),
            limits=limits,
            reach=None,
            name=name,
            permissions=[Permission[each.upper()] for each in permissions],
            namespaces=namespaces or None,
            expires_at=expires_at,
        )

    _print_secret(in_transaction(state, work), as_json=as_json)


@keys.command("list")
@state_option
@json_option
def list_(state: Path, as_json: bool) -> None:
    """List all keys, without their secrets, which nobody has."""

    async def work(tx: Transaction) -> tuple[list[Record], dict[str, str]]:
        names = {row["id"]: row["namespace_name"] for row in await service.list_namespaces(tx)}
        return await rules.list_keys(tx), names

    rows, names = in_transaction(state, work)
    if as_json:
        print_json([_record(row) for row in rows])
    else:
        print_table([_line(row, names) for row in rows], empty="There is no API key.")


@keys.command()
@click.argument("key_id", metavar="ID")
@state_option
@json_option
def rotate(key_id: str, state: Path, as_json: bool) -> None:
    """Give the key ID a new secret and print it, this once; the old one stops to work."""

    async def work(tx: Transaction) -> rules.NewSecret:
        return await rules.rotate_key(tx, by=Actor.at_command_line(), reach=None, id=key_id)

    _print_secret(in_transaction(state, work), as_json=as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@state_option
@json_option
def revoke(key_id: str, state: Path, as_json: bool) -> None:
    """Withdraw the key ID for good."""

    async def work(tx: Transaction) -> None:
        await rules.revoke_key(tx, by=Actor.at_command_line(), reach=None, id=key_id)

    in_transaction(state, work)
    if as_json:
        print_json({"key_id": key_id, "status": "REVOKED"})
    else:
        click.echo(f"{key_id} is revoked; gateways that run refuse it within 5 seconds.")


def _print_secret(made: rules.NewSecret, *, as_json: bool) -> None:
    if as_json:
        print_json({"key_id": made.key_id, "secret": made.secret})
        return
    click.echo(f"Key     {made.key_id}")
    click.echo(f"Secret  {made.secret}")
    click.echo("Keep the secret now: it is shown this once, and the gateway has only its hash.")


def _record(row: Record) -> dict[str, object]:
    return {"key_id": row["id"], **{name: row[name] for name in list(row.keys())[1:]}}


def _line(row: Record, names: dict[str, str]) -> dict[str, str]:
    places = row["namespaces"]
    return {
        "name": row["name"],
        "id": row["id"],
        "secret": row["key_prefix"] + "…",
        "permissions": ",".join(row["permissions"]).lower(),
        "namespaces": "all" if places is None else ",".join(names[each] for each in places),
        "status": row["status"].lower(),
        "expires": moment(row["expires_at"]),
        "last used": moment(row["last_used_at"]),
        "created": moment(row["created_at"]),
    }

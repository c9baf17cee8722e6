"""How commands print: tables for people, JSON for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import click
import orjson

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_table(rows: Sequence[Mapping[str, str]], *, empty: str) -> None:
    """Print rows in aligned columns with their keys as headings; or, of none, ``empty``."""
    if not rows:
        click.echo(empty)
        return
    lines = [{name: name.upper() for name in rows[0]}, *rows]
    widths = {name: max(len(line[name]) for line in lines) for name in rows[0]}
    for line in lines:
        click.echo("  ".join(line[name].ljust(width) for name, width in widths.items()).rstrip())


def moment(value: datetime | None) -> str:
    """Return a moment for people, to the second."""
    return "never" if value is None else f"{value:%Y-%m-%d %H:%M:%S}Z"

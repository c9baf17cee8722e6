"""`gateway schema`: the public contract as a file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.schema import make_schema


@click.command(short_help="Write the GraphQL schema.")
@click.argument("file", type=click.Path(path_type=Path), default="schema.graphql")
@click.option("--check", is_flag=True, help="Only tell whether the file is what would be written.")
def schema(file: Path, check: bool) -> None:
    """Write the schema to FILE (schema.graphql)."""
    text = make_schema().as_str() + "\n"
    if not check:
        file.write_text(text, encoding="utf-8")
    elif not file.exists() or file.read_text(encoding="utf-8") != text:
        click.echo(
            f"gateway: {file} is not what the code says; write it with `gateway schema`", err=True
        )
        sys.exit(1)

"""The command `gateway`; each command is imported when it is called, so that help is quick."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from gateway.database.state import CannotStart
from gateway.errors import Unavailable
from gateway.settings import InvalidSetting

COMMANDS = {
    "serve": "Run the gateway.",
    "demo": "Fill an empty namespace with examples.",
    "import": "Bring a folder's files into a bucket.",
    "watch": "Show what happens, as it happens.",
    "migrate": "Bring the database's tables up to date.",
    "namespaces": "Make and list namespaces.",
    "keys": "Make, list, rotate and revoke API keys.",
    "audit": "Tell who changed namespaces and API keys.",
    "schema": "Write the GraphQL schema.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        # "import" is a word of Python's, and no name for a module.
        name, function = ("importing", "import_") if cmd_name == "import" else (cmd_name, cmd_name)
        module = importlib.import_module(f"gateway.commands.{name}")
        command: click.Command = getattr(module, function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lineage-gateway", prog_name="gateway")
def gateway() -> None:
    """A GraphQL gateway over buckets, objects and documents."""


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; what a person can mend is one line on stderr and exit code 1."""
    try:
        return gateway.main(arguments, prog_name="gateway")
    except (CannotStart, InvalidSetting, Unavailable) as error:
        click.echo(f"gateway: {error}", err=True)
        sys.exit(1)

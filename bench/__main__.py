"""``python -m bench --help`` lists the measurements, ``python -m bench NAME`` runs one."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import click

import bench

_DEFAULT = "reads"


class Benches(click.Group):
    """Every module beside this one is a command; its ``main`` is what runs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take no name for the measurement that releases are judged by."""
        return super().parse_args(ctx, args or [_DEFAULT])

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - asked for by click
        """Return the names of the modules."""
        names = [module.name for module in pkgutil.iter_modules(bench.__path__)]
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a module, None if there is no such module."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"bench.{cmd_name}").main
        return command


@click.group(cls=Benches)
def main() -> None:
    """Measure what decisions rest on; each uses a PostgreSQL of its own, for as long as it runs."""


if __name__ == "__main__":
    main(prog_name="python -m bench")

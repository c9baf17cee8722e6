"""How ``python -m bench`` is called."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from bench import reads
from bench.__main__ import main


def test_reads_is_what_runs_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads.main, "callback", lambda **given: click.echo(given["workloads"]))

    done = CliRunner().invoke(main, [])

    assert done.exit_code == 0
    assert done.output == ("['W1', 'W2', 'W3', 'W4', 'W5', 'W3-cold', 'pages', 'growth']\n")


def test_names_what_can_be_measured() -> None:
    done = CliRunner().invoke(main, ["reads", "--workloads", "W1,W9"])

    assert done.exit_code == 2
    assert "no W9; there is W1, W2, W3, W4, W5, W3-cold, pages, growth" in done.output

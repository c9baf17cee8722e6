"""Which files are brought."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from gateway.commands.importing import import_


@pytest.mark.parametrize("glob", ["../*", "a/../../*", "..", "/etc/*", ""])
def test_what_leads_out_of_the_folder_is_no_pattern(tmp_path: Path, glob: str) -> None:
    (tmp_path / "beside.txt").write_bytes(b"one")
    (tmp_path / "files" / "a").mkdir(parents=True)
    given = [str(tmp_path / "files"), "--bucket", "b", "--key", "sk_x", "--glob", glob]

    with pytest.raises(click.BadParameter) as refused:
        import_.main(given, standalone_mode=False)

    assert refused.value.message.startswith(f"{glob!r} is no pattern of files below the folder")

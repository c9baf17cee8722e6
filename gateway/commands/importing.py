"""`gateway import`: the files of a folder, as objects of a bucket of a gateway that runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import click

from gateway.commands.output import json_option, print_json
from gateway.commands.reaching import FAILED, INTERRUPTED, NoAnswer, remote_options, tell_of_retry
from gateway.importing.api import Api
from gateway.importing.journal import Journal
from gateway.importing.report import OnProgress, Report
from gateway.importing.running import bring
from gateway.remote import Passing, Refusal

_STATUSES = """\b
Exit status:
    0  all is there, or there was no file to bring
    1  some failed
    2  none could be brought: wrong usage, a gateway that refuses or gives no answer
  130  Ctrl-C
"""
_MOST_SHOWN = 20
_MIB = 1024**2


@click.command("import", short_help="Bring a folder's files into a bucket.", epilog=_STATUSES)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--bucket", required=True, metavar="B", help="The bucket, by name or id.")
@click.option("--glob", default="**/*", show_default=True, help="Which files, below DIR.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=4, show_default=True, help="Files at a time."
)
@click.option("--property", "chosen", help="Of the bucket's schema; left out: the one that fits.")
@click.option(
    "--resume/--no-resume",
    default=True,
    help="Go on with files that an interrupted import has sent in part; that is the default.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be imported.")
@remote_options
@json_option
def import_(
    folder: Path,
    bucket: str,
    glob: str,
    jobs: int,
    chosen: str | None,
    resume: bool,
    dry_run: bool,
    url: str,
    namespace: str,
    secret: str,
    as_json: bool,
) -> None:
    """Bring the files below DIR into a bucket: an object for each, its path as keyPrefix.

    What the gateway has already is not sent, and of what the bucket has already no second object is
    made. So after an interruption the same command goes on.
    """
    folder = folder.resolve()
    paths = _files(folder, glob)
    work = partial(
        bring,
        paths=paths,
        folder=folder,
        bucket=bucket,
        chosen=chosen,
        journal=_journal(folder, url, namespace, bucket, fresh=not resume),
        jobs=jobs,
        dry_run=dry_run,
    )
    has_bar = not as_json and sys.stderr.isatty()
    run = _run(work, paths, has_bar=has_bar, url=url, key=secret, namespace=namespace)
    try:
        report = asyncio.run(run)
    except Refusal as refusal:
        raise NoAnswer(str(refusal)) from refusal
    except KeyboardInterrupt:
        click.echo("Interrupted; the same command goes on from here.", err=True)
        sys.exit(INTERRUPTED)
    _print(report, as_json=as_json, dry_run=dry_run)
    if not paths:
        click.echo(f"There is no file below {folder} that fits {glob!r}.", err=True)
    if report.failures:
        sys.exit(FAILED)


def _files(folder: Path, glob: str) -> list[Path]:
    try:
        if ".." in Path(glob).parts:
            raise ValueError("it leads out of the folder")
        return sorted(each for each in folder.glob(glob) if each.is_file())
    except (ValueError, NotImplementedError) as error:
        raise click.BadParameter(
            f"{glob!r} is no pattern of files below the folder, as 'photos/**/*.jpg' is: {error}",
            param_hint="--glob",
        ) from error


def _journal(*marks: object, fresh: bool) -> Journal:
    """Return the journal of the import that these tell from others."""
    return Journal.of(Path(click.get_app_dir("gateway")) / "imports", *map(str, marks), fresh=fresh)


async def _run(
    work: Callable[..., Awaitable[Report]],
    paths: Sequence[Path],
    *,
    has_bar: bool,
    url: str,
    key: str,
    namespace: str,
) -> Report:
    """Return what the work has done with the gateway; tell meanwhile how far it has come."""

    def on_retry(why: Passing) -> None:
        if has_bar:
            click.echo(err=True)  # the bar is drawn anew below
        tell_of_retry(why)

    # No bound on the whole, nor on an answer: a large file takes its time.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=None)
    with _progress(paths, is_shown=has_bar) as on_progress:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            api = Api(session, url=url, key=key, namespace=namespace, on_retry=on_retry)
            return await work(api, on_progress=on_progress)


@contextmanager
def _progress(paths: Sequence[Path], *, is_shown: bool) -> Iterator[OnProgress]:
    """Give what shows, or does not, how far an import has come, in bytes and files."""
    if not is_shown:
        yield lambda _, __: None
        return
    total = sum(map(_size, paths))

    def told(report: Report | None) -> str:
        files = report.files if report else 0
        return f"{bar.pos / _MIB:.1f} of {total / _MIB:.1f} MiB, {files} of {len(paths)} files"

    def show(size_bytes: int, report: Report) -> None:
        bar.update(size_bytes, report)
        bar.render_progress()  # files may be done of which no byte had to be

    bar: Any = click.progressbar(length=total, item_show_func=told, file=sys.stderr)
    with bar:
        yield show


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it is told of when it is read
        return 0


def _print(report: Report, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        failures = [{"path": path, "error": why} for path, why in sorted(report.failures.items())]
        print_json(
            {
                "imported": report.imported,
                "present": report.present,
                "imported_bytes": report.imported_bytes,
                "sent_bytes": report.sent_bytes,
                "dry_run": dry_run,
                "failures": failures,
            }
        )
        return
    would = "would be imported" if dry_run else "imported"
    click.echo(
        f"{report.imported} files {would} ({report.imported_bytes} bytes, {report.sent_bytes} of"
        f" them sent), {report.present} were there, {len(report.failures)} failed."
    )
    for path, why in sorted(report.failures.items())[:_MOST_SHOWN]:
        click.echo(f"  {path}: {why}", err=True)
    if len(report.failures) > _MOST_SHOWN:
        click.echo(f"  … and {len(report.failures) - _MOST_SHOWN} more; --json lists all", err=True)

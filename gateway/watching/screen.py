"""What happens as a table that stays in its place, for people at a terminal."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gateway.enums import EntityKind, Status
from gateway.remote import Refusal
from gateway.status import ENDS
from gateway.watching.api import Counts
from gateway.watching.following import Message

_MOST_CHANGES = 12
_LINES_BESIDES_CHANGES = 10
_REFRESHES_PER_S = 8

# As work goes: what waits for a batch comes first.
_STATUSES = sorted(Status, key=lambda each: each is not Status.DRAFT)
_ENDS = ENDS[EntityKind.OBJECT]
_STYLES = {
    Status.COMPLETED: "green",
    Status.COMPLETED_WITH_ERRORS: "yellow",
    Status.FAILED: "bold red",
    Status.IN_PROGRESS: "cyan",
    Status.PROCESSING: "cyan",
    Status.UNKNOWN: "magenta",
    Status.ACTIVE: "green",
}
_WORDS = {"CREATED": "made", "UPDATED": "changed", "DELETED": "gone"}


class Screen:
    """A table of how much is in each status, and the newest changes below.

    Args:
        name: What is watched, as it was asked for.
        url: Where.
    """

    wants_counts = True
    wants_names = True

    def __init__(self, name: str, url: str, *, console: Console | None = None) -> None:
        self._name = name
        self._url = url
        self._console = console or Console()
        self._state = Text("connecting", "yellow")
        self._why = ""
        self._counts = Counts(Counter(), Counter())
        self._newest: deque[Message] = deque(maxlen=_MOST_CHANGES)
        self._events = 0
        self._began_at = time.monotonic()
        self._live = Live(
            get_renderable=self.render,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_S,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,  # of a watch that cannot begin only the reason is left
        )

    def shown(self) -> AbstractContextManager[Any]:
        """Return what shows this for as long as it is entered."""
        return self._live

    def found(self, bucket_name: str) -> None:
        """Show what the bucket is called."""
        self._name = bucket_name

    def event(self, message: Message) -> None:
        """Show an event."""
        self._events += 1
        self._newest.appendleft(message)

    def reset(self, message: Message) -> None:
        """Show that events are missing."""
        self._newest.appendleft(message)

    def counted(self, counts: Counts) -> None:
        """Show how much there is in each status."""
        self._counts = counts

    def following(self, is_live: bool) -> None:
        """Show whether what comes happens now."""
        self._state = Text("live", "green") if is_live else Text("catching up", "yellow")
        self._why = ""
        self._live.transient = False

    def waiting(self, why: Refusal) -> None:
        """Show that the gateway is away."""
        self._state = Text("waiting for the gateway", "yellow")
        self._why = str(why)

    def render(self) -> RenderableType:
        """Return all that is shown."""
        why = [Text(self._why, "yellow", no_wrap=True, overflow="ellipsis")] if self._why else []
        room = max(1, self._console.height - _LINES_BESIDES_CHANGES - len(why))
        return Group(
            self._heading(), *why, "", self._table(), "", *self._progress(), self._changes(room)
        )

    def _heading(self) -> RenderableType:
        elapsed_s = int(time.monotonic() - self._began_at)
        clock = f"{elapsed_s // 3600}:{elapsed_s // 60 % 60:02}:{elapsed_s % 60:02}"
        return Text.assemble(
            (f"{self._name}  {self._url}", "bold"),
            "  ",
            self._state,
            (f"  {self._events:,} events  {clock}", "dim"),
        )

    def _table(self) -> RenderableType:
        total = self._counts.total()
        statuses = [each for each in _STATUSES if total[each]]
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        table.add_column()
        for each in statuses:
            table.add_column(
                each,
                justify="right",
                style=_STYLES.get(each, ""),
                header_style=_STYLES.get(each, ""),
            )
        table.add_column("total", justify="right", style="bold")
        for name, counts in (
            ("objects", self._counts.objects),
            ("documents", self._counts.documents),
        ):
            cells = [f"{counts[each]:,}" if counts[each] else "·" for each in statuses]
            table.add_row(name, *cells, f"{counts.total():,}")
        return table

    def _progress(self) -> Iterator[RenderableType]:
        total = self._counts.total()
        everything = total.total()
        if everything:
            done = sum(total[each] for each in _ENDS)
            line = Table.grid(padding=(0, 2))
            line.add_row(
                ProgressBar(total=everything, completed=done, width=30),
                Text(f"{done:,} of {everything:,} done"),
            )
            yield line
            yield ""

    def _changes(self, most: int) -> RenderableType:
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=40)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for each in list(self._newest)[:most]:
            if each["__typename"] == "StatusReset":
                what = Text(
                    f"events were missed ({each['reason']}); the counts are read anew", "red"
                )
                table.add_row("", "", "", what)
            else:
                at = datetime.fromisoformat(each["at"]).astimezone()
                table.add_row(f"{at:%H:%M:%S}", each["kind"].lower(), _name(each), _change(each))
        return table


def _name(event: Message) -> str:
    names: Iterable[str | None] = (event.get("node") or {}).values()
    return next(filter(None, names), None) or str(event["nodeId"])


def _change(event: Message) -> Text:
    status, before = event["status"], event["previousStatus"]
    text = Text()
    if event["event"] == "STATUS_CHANGED":
        text.append(before or "", _style(before)).append(" → ", "dim")
    else:
        text.append(_WORDS[event["event"]], "dim").append("  ")
    if status:
        text.append(status, _style(status))
    if event["error"]:
        text.append(f"  {' '.join(event['error'].split())}", "red")
    return text


def _style(status: str | None) -> str:
    return _STYLES.get(Status[status], "") if status else ""

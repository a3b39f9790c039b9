"""A run as a table that redraws itself, on a terminal: what moves now, and the totals."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hygge.cli.lines import Follower, event_text
from hygge.cli.text import duration, short, size
from hygge.core import events
from hygge.core.events import Event
from hygge.core.secrets import redact

PER_SECOND = 5
_BAR_CELLS = 16


class LiveTable(Follower):
    """Shows the entities under way; those that ended are counted, and failures told at once.

    Parameters
    ----------
    verbose: whether notes are printed above the table.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        super().__init__()
        self._verbose = verbose
        self._guard = threading.Lock()
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live = Live(
            _Frame(self), console=self._console, transient=True, refresh_per_second=PER_SECOND,
        )  # fmt: skip

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def count(self, event: Event) -> None:
        with self._guard:  # held for counting only: printing takes rich's own lock
            super().count(event)

    def show(self, event: Event) -> None:
        telling = isinstance(event, events.EntityRetried | events.Noted) or (
            isinstance(event, events.EntityFinished) and event.status in ("failed", "skipped")
        )
        text = event_text(event, verbose=self._verbose) if telling else ""
        if text:
            self.tell(text)

    def tell(self, text: str) -> None:
        self._console.print(Text.from_ansi(redact(text)), overflow="fold")

    def frame(self, width: int, height: int) -> Iterator[RenderableType]:
        """The table as it is now, for a terminal of so many cells and lines."""
        with self._guard:
            rows = list(self.active.items())
            head = self._totals()
        room = max(1, height - 3)
        grid = Table.grid(padding=(0, 2), expand=False)
        name_cells = max(12, min(max((len(n) for n, _ in rows), default=12), width // 3))
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=name_cells)
        now = time.time()
        shown = [self._cells(name, *pair, now, width) for name, pair in rows[:room]]
        for _ in range(len(shown[0]) - 1 if shown else 0):
            grid.add_column(no_wrap=True, justify="right")
        for cells in shown:
            grid.add_row(*cells)
        yield grid
        if len(rows) > room:
            yield Text(f"and {len(rows) - room} more under way", style="dim", no_wrap=True)
        yield Text(head, no_wrap=True, overflow="ellipsis")

    def _totals(self) -> str:
        said = [f"{sum(self.done.values())} of {self.total} done"]
        said += [f"{self.done['failed']} failed"] if self.done.get("failed") else []
        waiting = self.total - sum(self.done.values()) - len(self.active)
        said += [f"{waiting} waiting"] if waiting > 0 else []
        moving = [p for _, p in self.active.values() if p is not None]
        said.append(f"{short(self.rows + sum(p.rows_written for p in moving))} rows")
        said.append(duration(time.time() - self.began))
        return "  ".join(said)

    def _cells(
        self,
        name: str,
        started: events.EntityStarted,
        progress: events.Progress | None,
        now: float,
        width: int,
    ) -> list[RenderableType]:
        rows = progress.rows_written if progress else 0
        seconds = max(now - started.at, 0.001)
        cells: list[RenderableType] = [Text(redact(name))]
        if width >= 72:
            expected = started.rows_expected
            bar = ProgressBar(expected, min(rows, expected), width=_BAR_CELLS) if expected else ""
            cells.append(bar)
        cells.append(f"{short(rows)} rows")
        if width >= 56:
            cells.append(f"{short(rows / seconds)}/s")
        if width >= 88:
            cells.append(size(progress.bytes_read if progress else 0))
        cells.append(duration(seconds))
        return cells


class _Frame:
    """What rich asks anew at each redraw."""

    def __init__(self, table: LiveTable) -> None:
        self._table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._table.frame(options.max_width, console.size.height)

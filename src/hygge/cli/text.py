"""Values as people read them: counts, sizes, durations, times, aligned columns. Pure functions."""

from __future__ import annotations

import os
import shlex
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `1,000 rows`, `2 entities`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: float) -> str:
    """Bytes, in decimal units: `512 B`, `12.3 KB`, `4.0 GB`."""
    if number < 1000:
        return f"{number:.0f} B"
    for unit in ("KB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.95:
            return f"{number:.1f} {unit}"
    return f"{number / 1000:,.1f} PB"


def short(number: float) -> str:
    """A count in little room: `999`, `12.3k`, `4.0M`."""
    if number < 1000:
        return f"{number:.0f}"
    for unit in ("k", "M", "G"):
        number /= 1000
        if number < 999.95:
            return f"{number:.1f}{unit}"
    return f"{number / 1000:,.1f}T"


def duration(seconds: float) -> str:
    """`0.04 s`, `12.3 s`, `2 min 05 s`, `3 h 20 min`."""
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def moment(at: float | datetime) -> str:
    """A time in UTC to the second: `2026-01-31T09:45:00Z`. Takes seconds since the epoch too."""
    when = at.astimezone(UTC) if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def here(text: str) -> str:
    """A text whose places are seen from the current folder: those below it lose the way to it."""
    folder = str(Path.cwd())
    return text.replace(folder + os.sep, "") if folder != os.sep else text


def command(words: str, config: Path | None = None, env: str | None = None) -> str:
    """A command of hygge's to go on with, for the project and environment chosen in this one.

    Parameters
    ----------
    words: the verb and its options, e.g. `go --retry-failed`.
    config, env: as given to `--config` and `--env`; None where they were not.
    """
    chosen = f"--config {shlex.quote(here(str(config)))} " if config is not None else ""
    return f"hygge {chosen}{words}" + (f" --env {shlex.quote(env)}" if env else "")


def width(text: str) -> int:
    """How many terminal cells a text takes, styles left out."""
    plain = click.unstyle(text)
    if plain.isascii():
        return len(plain)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in plain)
    return len(plain) + wide - sum(unicodedata.combining(c) > 0 for c in plain)


def columns(rows: Sequence[Sequence[str]], *, indent: str = "  ", right: Sequence[int] = ()) -> str:
    """Rows as aligned columns, two blanks between them.

    Parameters
    ----------
    rows: of one length each; they may carry styles.
    indent: put before every line.
    right: the columns whose text is set to the right.
    """
    if not rows:
        return ""
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for i, text in enumerate(row):
            blanks = " " * (widths[i] - width(text))
            cells.append(blanks + text if i in right else text + blanks)
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def indented(text: str, by: str) -> str:
    """A text whose further lines stand under its first."""
    return text.replace("\n", "\n" + by)

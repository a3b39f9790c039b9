"""Where the bench table may settle, out of PostgreSQL: a module each, found by being here.

A module has a `job(source)`: a context manager that gives the Job to be timed meanwhile. Run as
`python -m benchmarks.targets.NAME ...`, it usually feeds the bare library the same batches.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.servers import Database

PEAK_LIMIT_MB = 600
CHANGED_EVERY = 100
"""One row of so many is changed, for `merge`."""


@dataclass(frozen=True)
class Source:
    """The bench table in PostgreSQL.

    Parameters
    ----------
    database: it, as `bench`; one row in CHANGED_EVERY of it, altered, is `changed`.
    rows: how many there are.
    ready: a folder with the same batches in memory-mapped Arrow files.
    drain: the command that reads them into nothing, by binary COPY.
    work: a folder for what is made.
    """

    database: Database
    rows: int
    ready: Path
    drain: Sequence[str]
    work: Path


@dataclass(frozen=True)
class Job:
    """How the bench table is loaded into one kind of Store, and what that is set against.

    Parameters
    ----------
    title: of the Store, e.g. `DuckDB`.
    store: its settings in the flow.
    mode: that is held to the limit.
    beside: further modes to report beside.
    floors: commands of which the slowest is the floor, by what they do.
    clear: takes away what a load has left.
    ratio_limit: how many times its floor it may take; None for any.
    merge_limit: how much of the time of `replace` a `merge` of changed rows may take; None for any.
    merges: whether to time a `merge` at all.
    merge_variants: further settings of the Store to report a `merge` of, by name.
    peak_limit, merge_peak_limit: of the memory of a load, and of a `merge`, in MB; None to report
        it alone.
    skip: why it is not run; "" where it is.
    """

    title: str
    store: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "append"
    beside: Sequence[str] = ("replace",)
    floors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    clear: Callable[[], None] = lambda: None
    ratio_limit: float | None = None
    merge_limit: float | None = None
    merges: bool = True
    merge_variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    peak_limit: float | None = PEAK_LIMIT_MB
    merge_peak_limit: float | None = PEAK_LIMIT_MB
    skip: str = ""


def names() -> list[str]:
    """Every target there is, by name."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def job(name: str, source: Source) -> AbstractContextManager[Job]:
    """What a target's module says of a source."""
    found: AbstractContextManager[Job] = import_module(f"{__name__}.{name}").job(source)
    return found

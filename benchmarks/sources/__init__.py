"""Where the bench table may come from: a module each, found by being here.

A module has a `job(work, rows)`: a context manager that makes the table unless it is there, starts
a server where one is needed and ends it afterwards, and gives the Job to be timed meanwhile. Run as
`python -m benchmarks.sources.NAME ...`, it usually drains its source into nothing.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

PEAK_LIMIT_MB = 600


@dataclass(frozen=True)
class Job:
    """How the bench table is moved from one source to Parquet, or to the `store` that `flow` has,
    and what that is set against.

    Parameters
    ----------
    title: of the source, e.g. `SQLite`.
    home: its settings in the flow.
    drain: the command that reads the same rows into nothing, by the same driver.
    drained: what that does, e.g. `drain SQLite by ADBC`.
    encoded: whether a bare encode of the rows is a floor too, where it takes longer.
    flow: further settings of the flow, e.g. `{"chunks": "off"}`.
    variants: more settings of the flow to report beside, by name, e.g.
        `{"chunks: auto": {"chunks": "auto"}}`; they are held to no limit.
    into: what it is moved to, for people, where that is not Parquet.
    peers: commands of other tools that do the same work, by name, where they are installed.
    skip: why it is not run, e.g. a driver that is not installed; "" where it is.
    ratio_limit: how many times its floor it may take; None for any.
    peak_limit: of its memory, in MB.
    """

    title: str
    home: Mapping[str, Any] = field(default_factory=dict)
    drain: Sequence[str] = ()
    drained: str = ""
    encoded: bool = True
    flow: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    peers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    into: str = "Parquet"
    skip: str = ""
    ratio_limit: float | None = None
    peak_limit: float | None = PEAK_LIMIT_MB


def names() -> list[str]:
    """Every source there is, by name."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def job(name: str, work: Path, rows: int) -> AbstractContextManager[Job]:
    """What a source's module says of `rows` rows."""
    found: AbstractContextManager[Job] = import_module(f"{__name__}.{name}").job(work, rows)
    return found


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs a source's module."""
    return [sys.executable, "-m", name, *map(str, arguments)]

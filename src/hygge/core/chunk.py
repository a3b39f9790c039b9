"""Chunks: disjoint slices of a Home that can be read alone, and what a read asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from hygge.core.arrivals import Version
from hygge.core.settings import DEFAULT_BATCH_ROWS
from hygge.core.watermark import Window


@dataclass(frozen=True, slots=True)
class Chunk:
    """One slice.

    Parameters
    ----------
    index: its position, from 0; receipts name it.
    label: the slice in words, for plans and logs, e.g. `id 1 to 50000`.
    bounds: what the Home needs to read it; plain values, so that it pickles.
    rows: how many rows it is thought to hold; None where unknown.
    lasting: whether its bounds mean the same rows in a later snapshot, as long as those rows do not
        change: a range of a key does, a place in a heap or a file does not.
    """

    index: int = 0
    label: str = "all"
    bounds: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    lasting: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values, which a ledger keeps."""
        return {"index": self.index, "label": self.label, "bounds": dict(self.bounds),
                "rows": self.rows, "lasting": self.lasting}  # fmt: skip

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read one back. Raises KeyError, ValueError or TypeError where it is damaged."""
        rows = raw["rows"]
        return cls(
            int(raw["index"]), str(raw["label"]), dict(raw["bounds"]),
            None if rows is None else int(rows), bool(raw["lasting"]),
        )  # fmt: skip


WHOLE = Chunk()


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is to be read.

    Parameters
    ----------
    columns: source names of the columns wanted, in any order; None for all.
    window: the rows wanted of an incremental read; None for all.
    batch_rows: how many rows a batch should have, about.
    lenient: whether a column with a value that does not fit may come as text, or as
        `core.sift.unfit` has it, in which it is told and dealt with later; else such a value is an
        error of the Home's.
    snapshot: what `HomeSession.share()` gave, to be read in; "" for a snapshot of one's own.
    files: the files to read, in these versions, and no others, as `HomeSession.arrivals()` named
        them; None for all.
    """

    columns: tuple[str, ...] | None = None
    window: Window | None = None
    batch_rows: int = DEFAULT_BATCH_ROWS
    lenient: bool = False
    snapshot: str = ""
    files: Mapping[str, Version] | None = None


@dataclass(frozen=True, slots=True)
class InFile:
    """Where the rows of a batch stand.

    Parameters
    ----------
    file: its name, for people.
    before: how many of its rows come before the batch's; None where that is not known, or where
        not all its rows are read.
    """

    file: str
    before: int | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a Home thinks it holds: rows and bytes, exact or not; None where unknown."""

    rows: int | None = None
    bytes: int | None = None
    exact: bool = False

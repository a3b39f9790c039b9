"""What one attempt's reading is asked of: everything about a source's rows, from one snapshot where
the source has them. What a source is, is told in `home`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Self

import polars as pl

from hygge.core.arrivals import Arrivals
from hygge.core.chunk import WHOLE, Chunk, Estimate, InFile, ReadRequest
from hygge.core.errors import UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.watermark import Position

STEADY = ("one snapshot", "snapshot ", "version ", "the files as listed at the start")
"""What `HomeSession.consistency` begins with where nothing that is read changes meanwhile."""


class HomeSession(ABC):
    """One attempt's reading. Used by one thread, but for `cancel()`, which any may call.

    Everything asked of one session is answered from one snapshot where `consistency` says so.
    """

    consistency: str = "as read"
    """What the rows of one read are consistent with, in words for the plan; see `STEADY`."""
    settled_clock: bool = False
    """Whether `clock()` is held below what open transactions may still write. Where it is not, an
    incremental read by time needs a lag, and so a key to merge on."""
    settled_numbers: bool = True
    """Whether numbers become visible in their own order. Where transactions are open side by side,
    one with a lower number may be committed after one with a higher."""
    at: InFile | None = None
    """Where the batch that `read` has given last stands; None where it is in no file."""
    inferred: bool = False
    """Whether `schema()` was found by looking at the data, there being no catalogue."""

    @property
    def steady(self) -> bool:
        """Whether all that is asked of it is answered from one state of the source."""
        return self.consistency.startswith(STEADY)

    @abstractmethod
    def schema(self) -> Schema:
        """All fields of the entity, known before any row is handed on."""

    @abstractmethod
    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows of a chunk, as batches that have at least the columns asked for.

        Batches need not have the declared dtypes, only values that fit them: they are conformed.
        """

    def estimate(self, request: ReadRequest) -> Estimate:
        """How much is to be read, without reading it."""
        return Estimate()

    def split(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Up to `parts` disjoint chunks that together are the whole; one if it cannot be split.

        The outermost are open, so that together they are the whole in a later snapshot as well.
        """
        return (WHOLE,)

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        """Count a chunk's rows at the source, independently of reading them; None: it cannot."""
        return None

    def fingerprint(self, request: ReadRequest, chunk: Chunk) -> str | None:
        """A digest of which versions of rows a chunk holds, taken at the source.

        Equal digests in two snapshots mean equal rows, whatever happened in between; that is what
        lets a finished chunk be trusted by a later run. None: the source cannot tell, or does not
        answer this and `read` from one snapshot.
        """
        return None

    def share(self) -> str:
        """A name by which sessions beside this one read its snapshot; "" where it has none.

        The name goes into `ReadRequest.snapshot`; it holds while this session is open.
        """
        return ""

    def statement(self, request: ReadRequest, chunk: Chunk) -> str:
        """What is asked of the source, word for word, for people; "" where it is no statement."""
        return ""

    def inputs(self, chunk: Chunk) -> Sequence[str]:
        """The files that a chunk is read from, for people; none where it is no files."""
        return ()

    def maximum(self, column: str) -> Position | None:
        """The largest value of a column that can carry a watermark; None where it has no rows."""
        raise UnsupportedError(
            f"{type(self).__name__} cannot read incrementally",
            hint="take `incremental` out, or choose a Home that can",
        )

    def told_by(self, what: str) -> Field:
        """What positions are of, where the source itself tells which rows changed. Raises
        UnsupportedError where it does not."""
        raise UnsupportedError(
            f"this source has no `incremental: {{by: {what}}}`",
            hint="name a column that grows: `incremental: {column: ...}`",
        )

    def expired(self, last: Position) -> str:
        """Why changes since a stored position are not all known to the source any more, in words;
        "" where they are. Asked after `told_by` and `maximum`; raises StateError where it is none
        of this source's."""
        return ""

    def gone(self, request: ReadRequest) -> Chunk:
        """The chunk of the keys of rows that the source tells to be gone in a window."""
        raise UnsupportedError("this source does not tell which rows are gone")

    def positions(self, field: Field) -> LogicalType:
        """What positions in a column are; its own type, unless that is no number and no time, and
        the source reads by it nevertheless."""
        return field.type

    def settled(self, field: Field) -> bool:
        """Whether no row will yet appear below the position that `maximum()` and `clock()` give."""
        return self.settled_clock if field.type.is_temporal else self.settled_numbers

    def check_position(self, column: str, last: Position) -> None:
        """Raise StateError where a stored position cannot be one of this source's column; asked
        after `maximum()`."""

    def nulls(self, column: str) -> int | None:
        """How many rows have no value in a column; None where that is not known."""
        return None

    def clock(self) -> datetime | None:
        """The source's own clock, aware; None where it has none, which is for numbers only."""
        return None

    def zone(self) -> str:
        """The zone whose wall clock the source itself writes into columns without one, as it names
        it, e.g. `Europe/Copenhagen` or `+02:00`; "" where it does not tell."""
        return ""

    def who(self) -> str:
        """Who the source takes us for, and by what, for people; "" where it does not tell."""
        return ""

    def arrivals(self, memo: str | None, *, again: bool) -> Arrivals:
        """The files that were not read before; from now on this session reads no others.

        Parameters
        ----------
        memo: what the state remembers of the last; None for all files.
        again: whether files that were replaced since are read again.
        """
        raise UnsupportedError(
            f"{type(self).__name__} does not read files", hint="set `incremental: {column: ...}`"
        )

    def cancel(self) -> None:
        """Stop what is under way, from any thread. Safe at any time."""

    def close(self) -> None:
        """Give back what is held. Safe more than once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

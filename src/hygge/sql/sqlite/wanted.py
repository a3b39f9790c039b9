"""What is asked of SQLite in one statement, and how it is asked for where rows are wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hygge.sql.sqlite.catalogue import Relation, quote
from hygge.sql.sqlite.columns import Asked, select

BATCH_BYTES = 64 << 20
"""How large a batch may be, about: rows wider than usual make batches of fewer rows."""
MOST_BYTES = 1 << 30
"""How large a batch can be at worst. Arrow's text offsets end at 2 GiB (columnar format)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows to be read.

    Parameters
    ----------
    source: where they are.
    asked: their columns.
    where: an SQL condition, or "".
    rows: of a batch.
    guarded: whether a row too wide for a batch of so many fails, instead of filling the memory.
    skip: how many rows at the start are left out.
    """

    source: Relation
    asked: Sequence[Asked]
    where: str
    rows: int
    guarded: bool = False
    skip: int = 0

    @property
    def query(self) -> str:
        """The SELECT; see `columns.select`."""
        guard = f"{row_width(self.asked)} > {MOST_BYTES // self.rows}" if self.guarded else ""
        return select(self.asked, self.source, self.where, guard=guard, skip=self.skip)

    def within(self, condition: str) -> Wanted:
        """Those of the rows that meet a condition."""
        return replace(self, where=f"{self.where} AND {condition}" if self.where else condition)

    def narrow(self, widest: int, given: int) -> Wanted:
        """The rows after so many, in batches that hold rows of so many bytes."""
        rows = max(1, BATCH_BYTES // max(1, widest))
        return replace(self, rows=rows, guarded=False, skip=self.skip + given)


class TooWide(Exception):
    """There is a row too wide for a batch; `rest` is what is still to be read, as it fits."""

    def __init__(self, rest: Wanted) -> None:
        self.rest = rest


def row_width(asked: Sequence[Asked]) -> str:
    """The bytes of a row, but for its numbers, which are few."""
    wide = [quote(a.field.name) for a in asked if a.carrier in ("text", "blob")]
    return " + ".join(["8", *(f"ifnull(octet_length({name}), 0)" for name in wide)])

"""Row markers: what Fabric is to do with a row. FORMAT, "Format requirements"."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

MARKER = "__rowMarker__"
"""The name of the last column."""
INSERT, DELETE, UPSERT = 0, 2, 4
"""Values of it. 1, an update, inserts a row that is not there just as 4 does, and is not needed."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How a load's rows are marked.

    Parameters
    ----------
    default: the marker of a row; None for files without markers, whose rows are all inserts:
        FORMAT, "Initial load"; PRACTICES, "Optimize insert-only files".
    deleted: a column that is not in the table; a row with a value in it is marked as deleted, where
        rows are marked, else the column stays. "" for none.
    """

    default: int | None = None
    deleted: str = ""

    def on(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows as they go into a file."""
        if self.default is None:
            return rows
        marker = pl.lit(self.default, pl.Int32)
        if self.deleted:
            gone = pl.col(self.deleted).is_not_null()
            marker = pl.when(gone).then(pl.lit(DELETE, pl.Int32)).otherwise(marker)
        marked = rows.with_columns(marker.alias(MARKER))
        return marked.drop(self.deleted) if self.deleted else marked

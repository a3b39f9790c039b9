"""delete_insert: after = (there - keys) + coming; a key may come in any number of rows.

By window: after = (there, outside the window that was read) + coming. A row without a position is
in the first window, which has no lower bound, and in no other.
"""

from __future__ import annotations

from collections.abc import Iterator

from hygge.sql.select import in_window
from hygge.sql.settle.modes import words
from hygge.sql.settle.modes.step import Rows, Step


def inside(rows: Rows) -> str:
    """The query that counts the rows that are there in the window."""
    window = rows.terms.window
    inside = in_window(rows.dialect, window) if window is not None else ""
    return words.count(rows.dialect, rows.target) + (f" WHERE {inside}" if inside else "")


def plan(rows: Rows) -> Iterator[Step]:
    """The statements."""
    window = rows.terms.window
    if window is None:
        yield rows.take_out()
    else:
        yield rows.delete(in_window(rows.dialect, window))
    yield rows.bring()

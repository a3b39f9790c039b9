"""How many rows a table has after a load."""

from __future__ import annotations

from collections.abc import Callable

from hygge.sql.settle.modes.step import Step

COUNTED = 1_000_000
"""A table that should have no more rows than this is counted: PostgreSQL takes a tenth of a second
for so many, and MySQL not much longer."""
ADDED_UP = "rows_added_up"
"""Under which a state's `extra` says that its rows were not counted."""


class Tally:
    """How many rows a big table has after statements, by what the database says of each: to count
    all of them would read the whole table, however few were changed. What somebody else has done to
    such a table since the last load is not in it, until it is counted again: by a load that
    replaces it, or where the number cannot be right.

    Parameters
    ----------
    rows: before; None where that is not known.
    """

    def __init__(self, rows: int | None) -> None:
        self._rows = rows

    def add(self, step: Step, changed: int | None) -> None:
        """Take note of a statement and of how many rows it changed, if that was told."""
        if self._rows is not None and step.adds:
            self._rows = None if changed is None else self._rows + step.adds * changed

    def rows_or(self, count: Callable[[], int]) -> tuple[int, bool]:
        """How many there are, and whether that was counted: where it is soon done, is not known, or
        cannot be right, as when somebody else has deleted rows since the last load."""
        if self._rows is None or self._rows <= COUNTED:
            return count(), True
        return self._rows, False

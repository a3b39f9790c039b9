"""Statements on a table that has triggers: whether they did what they say, and no less or more."""

from __future__ import annotations

from collections.abc import Callable

from hygge.core.errors import DataError
from hygge.sql.settle.look import Look
from hygge.sql.settle.modes import words
from hygge.sql.settle.modes.step import Step
from hygge.sql.settle.settler import Settler


class Watch:
    """Over one table's statements, within the open transaction. Where the table is known to
    have no triggers that could leave rows out, it asks for nothing more.

    Parameters
    ----------
    settler: how the database is asked.
    look: at the table.
    """

    def __init__(self, settler: Settler, look: Look) -> None:
        link, place = look.link, look.place
        self._settler, self._link, self._place = settler, link, place
        self._names = look.triggers if settler.triggers_skip else []
        if self._names != []:
            settler.hold_rows(link, place)

    def run(self, step: Step, do: Callable[[str], int | None]) -> int | None:
        """Run a statement; how many rows it changed, where that is known without a trigger's word.
        Raises DataError where it did less or more than it says.

        Parameters
        ----------
        step: the statement, and how to count what it is to do.
        do: runs its SQL.
        """
        if self._names == []:
            return do(step.sql)
        if step.coming:
            coming, before = self._one(step.coming), self._rows()
            do(step.sql)
            more = self._rows() - before
            if more != coming:
                raise self._error(f"{coming} rows were brought in, and it has {more} more")
        else:
            do(step.sql)
            self.none(step.left)
        return None

    def end(self) -> None:
        """Run what triggers have put off until the commit, after the last statement. Raises
        DataError where the table has more or fewer rows by it."""
        if self._names == [] or not self._settler.what_waits:
            return
        before = self._rows()
        self._link.execute(self._settler.what_waits)
        if (after := self._rows()) != before:
            raise self._error(f"it would have {after} rows at the end, instead of {before}")

    def none(self, left: str) -> None:
        """Raise DataError where a query counts rows that should be changed or gone by now."""
        if self._names != [] and (rows := self._one(left)):
            raise self._error(f"{rows} rows were to be changed or deleted, and are as they were")

    def _rows(self) -> int:
        dialect = self._settler.dialect
        return self._one(words.count(dialect, self._place.sql(dialect)))

    def _one(self, query: str) -> int:
        return int(self._link.row(query)[0])

    def _error(self, what: str) -> DataError:
        if self._names is None:
            hint = (
                "a trigger does so, or somebody changed the table's rows meanwhile (which triggers "
                "it has cannot be asked here): drop or disable them, or run it again"
            )
        else:
            hint = (
                f"that is what its triggers make of it ({', '.join(self._names)}): drop or "
                "disable them, or load into a table without triggers"
            )
        return DataError(f"{self._place}: {what}; nothing was published", hint=hint)

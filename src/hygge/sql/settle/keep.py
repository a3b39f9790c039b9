"""Replacing the rows of a table that stays, since something hangs on it."""

from __future__ import annotations

from hygge.core.errors import DataError
from hygge.sql.link import Link
from hygge.sql.settle.modes import insert
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler


def replace_rows(settler: Settler, link: Link, place: Place, new: str, hangs: str) -> None:
    """Empty a table and bring in the rows of a new one, within the transaction that is open.

    Parameters
    ----------
    new: the filled table.
    hangs: what a new one would not have, in a word.

    Raises DataError where the table's columns are others, or would alter what comes.
    """
    coming = settler.names(link, place, new) or []
    if set(settler.names(link, place) or []) != set(coming):
        raise DataError(
            f"{place} has {hangs}, and other columns than those that come",
            hint="alter the table to take them, or drop it, and it is made anew",
        )
    if wrong := settler.misfits(link, place, new):
        raise DataError(
            f"{place} has {hangs}, so that it stays, and would alter the rows: {'; '.join(wrong)}",
            hint="alter its columns, or `cast` those that come, or drop it",
        )
    settler.before_delete(link, place)
    target, stage = place.sql(settler.dialect), place.sql(settler.dialect, new)
    link.execute(f"DELETE FROM {target}")
    settler.bring_in(link, place, insert(settler.dialect, target, stage, coming))

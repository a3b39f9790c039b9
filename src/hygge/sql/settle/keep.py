"""Replacing the rows of a table that stays, since something hangs on it."""

from __future__ import annotations

from hygge.core.errors import DataError
from hygge.sql.link import Link
from hygge.sql.settle.look import Look
from hygge.sql.settle.modes import count, insert
from hygge.sql.settle.modes.step import Step
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.shape import reindex
from hygge.sql.settle.watch import Watch


def replace_rows(settler: Settler, link: Link, place: Place, new: str, hangs: str) -> None:
    """Empty a table and bring in the rows of a new one, within the transaction that is open.

    Parameters
    ----------
    new: the filled table.
    hangs: what a new one would not have, in a word.

    Raises DataError where the table's columns are others, or would alter what comes, or where its
    triggers leave rows out; ConflictError where somebody alters it meanwhile.
    """
    look, coming = Look(settler, link, place), settler.types(link, place, new)
    if set(look.names or []) != set(coming):  # the types tell of what the server fills itself too
        raise DataError(
            f"{place} has {hangs}, and other columns than those that come",
            hint="alter the table to take them, or drop it, and it is made anew",
        )
    if settler.one_transaction:  # elsewhere to make an index ends it, and that was done before
        reindex(look)
    if wrong := settler.misfits(look.types, coming):
        raise DataError(
            f"{place} has {hangs}, so that it stays, and would alter the rows: {'; '.join(wrong)}",
            hint="alter its columns, or `cast` those that come, or drop it",
        )
    settler.before_delete(link, place)
    dialect, watch = settler.dialect, Watch(settler, look)
    target, stage = place.sql(dialect), place.sql(dialect, new)
    watch.run(Step(f"DELETE FROM {target}", left=count(dialect, target)), link.execute)
    watch.run(
        Step(insert(dialect, target, stage, [*coming]), coming=count(dialect, stage)),
        lambda sql: settler.bring_in(link, place, sql),
    )
    watch.end()
    look.check_same()

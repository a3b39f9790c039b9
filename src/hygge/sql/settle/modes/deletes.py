"""deletes: rows whose key the source has no longer, found by comparing keys.

`present` are the keys that the source has; or, where those that are gone are told, these: then read
"is present" as "is not told".

hard: after = there, whose key is present.
soft: after = there, where a row that is not marked and whose key is not present is marked with the
load's moment, and a mark whose key is present is taken off. Where rows come marked, by
`deleted_when`, marks stay until the row comes again: the source may have it, and call it gone.
scd2: the current version of a key that is not present is closed.
"""

from __future__ import annotations

from collections.abc import Iterator

from hygge.core.terms import Deletes
from hygge.sql.settle.modes import scd2, words
from hygge.sql.settle.modes.step import Rows, Step


def living(rows: Rows, deletes: Deletes, *, closing: bool) -> str:
    """The condition for rows that are not gone yet; "" for all.

    Parameters
    ----------
    closing: whether the mode is `scd2`.
    """
    quote = rows.dialect.quote
    if closing:
        return f"{quote(rows.terms.versions.valid_to)} IS NULL"
    return "" if deletes.hard else f"{quote(deletes.column)} IS NULL"


def counts(rows: Rows, deletes: Deletes, present: str, *, closing: bool) -> tuple[str, str]:
    """The queries that count the rows that are not gone yet, and those of them that will be.

    Parameters
    ----------
    present: the table of the keys that the source has, quoted.
    """
    alive = living(rows, deletes, closing=closing)
    counted = words.count(rows.dialect, rows.target)
    gone = " AND ".join(c for c in (alive, _absent(rows, present)) if c)
    return f"{counted} WHERE {alive}" if alive else counted, f"{counted} WHERE {gone}"


def marked(rows: Rows, *, many: bool) -> str:
    """The query that counts the rows that go since they come marked.

    Parameters
    ----------
    many: whether a key may come in several rows; it is gone where all of them are marked.
    """
    conditions = (rows.same, rows.marked, rows.not_older)
    gone = words.exists(rows.rows, " AND ".join(c for c in conditions if c))
    if many:
        gone += f" AND NOT {words.exists(rows.rows, f'{rows.same} AND {rows.unmarked}')}"
    return f"{words.count(rows.dialect, rows.target)} WHERE {gone}"


def plan(rows: Rows, deletes: Deletes, present: str, *, closing: bool) -> Iterator[Step]:
    """The statements for the rows that are gone."""
    if closing:
        yield scd2.close(rows, _absent(rows, present))
        return
    if deletes.hard:
        yield rows.delete(_absent(rows, present))
        return
    mark, at = rows.dialect.quote(deletes.column), words.moment(rows.dialect, rows.terms.at)
    yield rows.update(f"{mark} = {at}", f"{mark} IS NULL AND {_absent(rows, present)}")


def plan_back(rows: Rows, deletes: Deletes, present: str) -> Iterator[Step]:
    """The statement that takes marks off rows that are there again; of those that are told to be
    gone none are."""
    if deletes.told:
        return
    mark = rows.dialect.quote(deletes.column)
    there = words.exists(present, rows.same)
    yield rows.update(f"{mark} = NULL", f"{mark} IS NOT NULL AND {there}")


def _absent(rows: Rows, present: str) -> str:
    told = rows.terms.deletes is not None and rows.terms.deletes.told
    return f"{'' if told else 'NOT '}{words.exists(present, rows.same)}"

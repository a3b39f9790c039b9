"""Rows that are marked as deleted, which no source could give back, and what a full refresh makes
of them: it replaces all that is there by what the source has."""

from __future__ import annotations

from hygge.core.settling import StoreSession
from hygge.core.state import Mode, State
from hygge.project import EntitySettings
from hygge.run.terms import deletes_of


def marks_of(settings: EntitySettings, usual: Mode) -> str:
    """The column in which rows that are gone are marked; "" where none are.

    Parameters
    ----------
    usual: the mode of runs that are no full refresh.
    """
    deletes = deletes_of(settings, usual)
    return "" if deletes is None or deletes.hard or usual == "scd2" else deletes.column


def marks_lost(
    settings: EntitySettings, usual: Mode, session: StoreSession, held: State | None, *, done: bool
) -> str:
    """What a full refresh takes away of rows that are marked, in words; "" for nothing.

    Parameters
    ----------
    session: of the destination, before a load is begun.
    held: what it holds.
    done: whether it is to be told of a load that has been committed, or of one that would be.
    """
    column = marks_of(settings, usual)
    if not column or held is None or column not in held.fields:
        return ""
    count = session.valued(column)
    if count == 0:
        return ""
    many = "some rows" if count is None else f"{count:,} row{'' if count == 1 else 's'}"
    were = "was" if count == 1 else "were"
    if done:
        return (
            f"{many} {were} marked as deleted in {column}; those of them that the source has no "
            "longer went with the full refresh"
        )
    are = "is" if count == 1 else "are"
    return (
        f"{many} {are} marked as deleted in {column}; those of them that the source has no longer "
        "go with a full refresh"
    )

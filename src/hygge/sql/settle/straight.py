"""Whether rows can go straight into a table that is there, within the transaction that commits."""

from __future__ import annotations

from hygge.core.fields import Schema
from hygge.core.state import State
from hygge.sql.settle.drift import is_altered
from hygge.sql.settle.look import Look
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.shape import is_reindexed

TYPES = "types"
"""Under which the state keeps the table's types, as the database writes them; see `Filled`."""


def takes_as_it_is(settler: Settler, look: Look, held: State | None, fields: Schema) -> bool:
    """Whether nothing is to be done to a table before it takes rows, and none of them needs to be
    held against it first.

    Parameters
    ----------
    settler: how it takes loads.
    look: at the table.
    held: what it holds; None for nothing of hygge's.
    fields: those it is to have.
    """
    if held is None or is_altered(held.fields, fields):
        return False  # to alter it now would keep readers out until the commit
    if held.extra.get(TYPES) != look.types:
        return False  # somebody altered it: staged rows are held against its columns
    if is_reindexed(look):
        return False  # the lock that making an index takes would be held until the commit
    # What triggers leave out is noticed where staged rows are brought in.
    return not settler.triggers_skip or look.triggers == []

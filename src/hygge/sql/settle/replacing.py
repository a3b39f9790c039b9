"""Replacing a table by a new one, which is the stage itself wherever that will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as with_

from hygge.core.errors import DataError, GuardError
from hygge.core.load import check_kept
from hygge.sql.settle.bringing import Bringing, Filled
from hygge.sql.settle.modes import replace
from hygge.sql.settle.ready import recase
from hygge.sql.settle.shape import reindex
from hygge.sql.settle.tally import ADDED_UP


def replace_table(load: Bringing, loaded: int) -> Filled:
    """Have the new table, or the old one with its rows where that stays.

    Parameters
    ----------
    load: which one.
    loaded: how many rows came.
    """
    settler, link, place, new = load.settler, load.link, load.place, load.new
    check_strange(load)
    if not load.straight and (load.fresh or not load.staged):
        settler.create(link, place, new, load.fields, ())
    if load.staged and (load.straight or load.fresh):
        doubled = bool(load.request.terms.latest) and load.check_keys()
        for step in replace.plan(load.rows_of(new, doubled=doubled)):
            link.execute(step.sql)
    if load.fields.keys:
        add_key(load, new, load.fields.keys)
    settler.add_indexes(link, place, new)
    rows, types = load.count(new), settler.types(link, place, new)
    if not load.is_sifted and rows != loaded:
        raise load.strange_rows(rows, loaded)
    _check_kept(load, rows, new)
    if not load.swap:
        if not settler.one_transaction:
            names = load.look.names
            names = None if names is None else recase(load, names)
            if names is None:
                settler.create(link, place, place.table, load.fields, load.fields.keys)
                load.look.again()
            if names is None or set(names) == set(load.fields.names):
                reindex(load.look, load.note)
        elif load.recased:
            recase(load, load.look.names or [])
        load.rows_follow()
        settler.take_over(link, place, new)
        load.look.again()
    return Filled(rows, True, types)


def add_key(load: Bringing, new: str, keys: Sequence[str]) -> None:
    """Give a table that was made without it its key. Raises DataError where that is none.

    Parameters
    ----------
    load: which one.
    new: the table's name.
    keys: the columns.
    """
    try:
        load.settler.add_key(load.link, load.place, new, keys)
    except DataError as error:
        raise DataError(
            f"{load.request.entity}: the key ({', '.join(keys)}) does not tell rows apart, or "
            f"is NULL in some: {load.settler.about_key(error)}",
            hint="`key_column` must tell every row apart; `deduplicate: latest by COLUMN` "
            "takes one row of each key",
        ) from error


def _check_kept(load: Bringing, rows: int, new: str) -> None:
    """See `check_kept`. What the table has is counted where that was only added up, and before
    anything is refused on account of it: somebody else may have changed the table since.

    Parameters
    ----------
    rows: of the new table.
    new: its name.
    """
    entity, held, terms = load.request.entity, load.held, load.request.terms
    try:
        check_kept(entity, rows, held, terms)
        if held is None or not held.extra.get(ADDED_UP):
            return
    except GuardError:
        if new == load.place.table:
            raise
    there = None if new == load.place.table else rows_there(load)
    if held is not None and there is not None:
        held = with_(held, rows=there)
    check_kept(entity, rows, held, terms)


def rows_there(load: Bringing) -> int | None:
    """How many rows the place's table has now; None where there is none."""
    if load.look.names is None:
        return None
    return load.count(load.place.table)


def check_strange(load: Bringing) -> None:
    """Raise DataError where the table has columns that neither come nor were loaded: what is in
    them would go without a word."""
    if load.held is None:
        return
    fold = load.settler.fold
    known = {fold(name) for name in (*load.held.fields.names, *load.fields.names)}
    strange = [f"'{name}'" for name in load.look.names or [] if fold(name) not in known]
    if strange:
        raise DataError(
            f"{load.place} has columns that hygge did not make ({', '.join(strange)}), which "
            "would be lost with what is in them",
            hint="drop them, or keep such columns in a table of their own",
        )

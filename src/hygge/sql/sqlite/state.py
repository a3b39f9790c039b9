"""The state of each table, in one table of the same database: `_hygge_state`."""

from __future__ import annotations

from hygge.core.errors import StateError
from hygge.core.state import State
from hygge.sql.dialect import literal
from hygge.sql.sqlite.access import Database
from hygge.sql.sqlite.catalogue import STATE_TABLE, find, quote


def read_state(db: Database, table: str, *, place: str) -> State | None:
    """What a table holds, by its state; None where there is no such table, or it is empty.

    Raises StateError where the state is damaged, or the table holds rows that hygge did not load.
    """
    found = find(db.rows, table, "main")
    if found is None:
        return None
    if found[2] != "table":
        raise StateError(f"{place} is a {found[2]}", hint="choose another `table`")
    if find(db.rows, STATE_TABLE, "main") is not None:
        stored = db.rows(f'SELECT state FROM {quote(STATE_TABLE)} WHERE "table" = {literal(table)}')
        if stored:
            return State.from_json(stored[0][0], place=place)
    (filled,) = db.row(f"SELECT EXISTS (SELECT 1 FROM main.{quote(table)})")
    if filled:
        raise StateError(
            f"{place} holds rows that hygge did not load",
            hint="rename or drop that table, or choose another `table` for this entity",
        )
    return None


def write_state(db: Database, table: str, state: State) -> None:
    """Store a table's state, within the transaction that is open."""
    db.execute(
        f"CREATE TABLE IF NOT EXISTS main.{quote(STATE_TABLE)} ("
        '"table" TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID'
    )
    db.execute(
        f"INSERT OR REPLACE INTO main.{quote(STATE_TABLE)} "
        f"VALUES ({literal(table)}, {literal(state.to_json())})"
    )

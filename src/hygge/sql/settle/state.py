"""The state of each table, in one table of the same schema: `_hygge_state`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hygge.core.errors import HyggeError, StateError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.load import State
from hygge.sql.link import Link
from hygge.sql.settle.modes import state_of
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler

TABLE = "table"
"""Under which a state that several tables share has the name of the one that was loaded last."""
FIELDS = Schema(
    [
        Field("table", LogicalType("string", length=255), nullable=False, key=1),
        Field("state", LogicalType("string"), nullable=False),
    ]
)


def read_row(settler: Settler, link: Link, place: Place) -> State | None:
    """What the state table has for a place, whether or not its table is there.

    Raises StateError where it is damaged.
    """
    table = settler.state_table(place)
    if settler.names(link, place, table) is None:
        return None
    states = place.sql(settler.dialect, table)
    stored = link.rows(state_of(settler.dialect, states, place.entry))
    return State.from_json(stored[0][0], place=str(place)) if stored else None


def read_state(settler: Settler, link: Link, place: Place) -> State | None:
    """What a table holds, by its state; None where there is no such table, or it is empty.

    Raises StateError where the state is damaged, or the table holds rows that hygge did not load.
    """
    if settler.names(link, place) is None:
        return _of_another_day(read_row(settler, link, place), place, rows=0)
    if not settler.is_table(link, place):
        raise StateError(f"{place} is a view", hint="choose another `table`")
    held = read_row(settler, link, place)
    dialect = settler.dialect
    if other := _of_another_day(held, place, rows=None):
        return other
    filled = bool(link.rows(dialect.first(f"1 FROM {place.sql(dialect)}")))
    if held is not None and held.rows and not filled:
        return None  # somebody emptied it: to go on from its position would leave them out
    if held is None and filled:
        raise StateError(
            f"{place} holds rows that hygge did not load",
            hint="rename or drop that table, or choose another `table` for this entity",
        )
    return held


def _of_another_day(held: State | None, place: Place, rows: int | None) -> State | None:
    """The state as it is for this day's table, where another day's was loaded last; else None.

    Parameters
    ----------
    rows: that this day's table has.
    """
    if held is None or not place.dated or held.extra.get(TABLE) == place.table:
        return None
    return replace(held, rows=rows, extra={})


def write_state(settler: Settler, link: Link, place: Place, state: State, into: str = "") -> None:
    """Store a table's state, within the transaction that is open.

    Parameters
    ----------
    into: the table that is to keep it; "" for the one that does.
    """
    dialect = settler.dialect
    states, name = place.sql(dialect, into or settler.state_table(place)), dialect.text(place.entry)
    table, column = dialect.quote("table"), dialect.quote("state")
    text = dialect.text(state.to_json())
    if link.rows(state_of(dialect, states, place.entry)):
        link.execute(f"UPDATE {states} SET {column} = {text} WHERE {table} = {name}")
    else:
        link.execute(f"INSERT INTO {states} ({table}, {column}) VALUES ({name}, {text})")


def make_state_table(settler: Settler, link: Link, place: Place) -> None:
    """Make the state table, unless it is there; outside the transaction that commits, so that
    first loads into one schema do not wait for each other to their end."""
    table = settler.state_table(place)
    make_once(
        settler, link, place, table, lambda: settler.create(link, place, table, FIELDS, ("table",))
    )


def make_once(
    settler: Settler, link: Link, place: Place, table: str, make: Callable[[], None]
) -> None:
    """Make a table of the place's schema, whoever else makes it at the same moment."""
    if settler.names(link, place, table) is not None:
        return
    try:
        make()
    except HyggeError:
        if settler.names(link, place, table) is None:
            raise

"""The state of each table, in one table of the same schema: `_hygge_state`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hygge.core.errors import HyggeError, StateError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.state import State
from hygge.core.watermark import Watermark
from hygge.sql.link import Link
from hygge.sql.settle.look import Look
from hygge.sql.settle.modes import state_of
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler

TABLE = "table"
"""Under which a state that several tables share has the name of the one that was loaded last."""
BEGAN = "began"
"""Under which such a state has where it stood when that table was begun: its watermark and memo."""
FIELDS = Schema(
    [
        Field("table", LogicalType("string", length=255), nullable=False, key=1),
        Field("state", LogicalType("string"), nullable=False),
    ]
)


def read_row(settler: Settler, link: Link, place: Place) -> State | None:
    """What the state table, which is there, has for a place, whether or not its table is.

    Raises StateError where it is damaged.
    """
    states = place.sql(settler.dialect, settler.state_table(place))
    stored = link.rows(state_of(settler.dialect, states, place.entry))
    return State.from_json(stored[0][0], place=str(place)) if stored else None


def read_state(
    settler: Settler, link: Link, place: Place, look: Look
) -> tuple[State | None, State | None]:
    """What is stored for a table, and what it holds by that; None where there is no such table, or
    it is empty. That of a day holds nothing then, and goes on from where the day before ended.

    Parameters
    ----------
    look: at the place, taken before.

    Raises StateError where the state is damaged, or the table holds rows that hygge did not load.
    """
    if _is_view(look):
        look.again()  # it was made by another run between the two answers
    if _is_view(look):
        raise StateError(f"{place} is a view", hint="choose another `table`")
    stored = read_row(settler, link, place) if look.keeps else None
    if stored is not None and look.names is None:
        look.again()  # it is gone, or was made since by another run
    return stored, _held(settler, link, place, stored, there=look.names is not None)


def _is_view(look: Look) -> bool:
    return look.names is not None and not look.is_table


def _held(
    settler: Settler, link: Link, place: Place, held: State | None, *, there: bool
) -> State | None:
    """See `read_state`.

    Parameters
    ----------
    held: what is stored for it.
    there: whether there is such a table.
    """
    if not there:
        return _of_another_day(held, place, rows=0) or _begun_anew(held, place)
    if other := _of_another_day(held, place, rows=None):
        return other
    filled = settler.is_filled(link, place)
    if held is not None and held.rows and not filled:
        # Somebody emptied it: to go on from its position would leave them out.
        return _begun_anew(held, place)
    if held is None and filled:
        settler.check_sight(link, place, compares=False)  # the state may be there, and hidden
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


def of_its_day(place: Place, held: State | None, *, anew: bool) -> dict[str, Any]:
    """What the state of the tables of all days keeps beside; {} for other tables.

    Parameters
    ----------
    held: the state at the begin of this load, as `read_state` gives it.
    anew: whether the load brings all rows, whatever is held.
    """
    if not place.dated:
        return {}
    began = held.extra.get(BEGAN) if held is not None else None
    if held is None or anew:
        began = {"watermark": None, "memo": {}}
    elif began is None:
        mark = held.watermark
        began = {"watermark": mark.to_json() if mark else None, "memo": dict(held.memo)}
    return {TABLE: place.table, BEGAN: began}


def _begun_anew(held: State | None, place: Place) -> State | None:
    """The state as it was when this day's table was begun, which is gone or empty now; None where
    that was the first, or tables have no days."""
    began = held.extra.get(BEGAN) if held is not None and place.dated else None
    if held is None or began is None:
        return None
    try:
        mark, memo = began["watermark"], dict(began["memo"])
        watermark = Watermark.from_json(mark) if mark else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(
            f"{place}: its state is damaged ({type(error).__name__}: {error})"
        ) from None
    if watermark is None and not memo:
        return None
    return replace(held, rows=0, extra={}, watermark=watermark, memo=memo)


def write_state(
    settler: Settler, link: Link, place: Place, state: State, *, anew: bool, into: str = ""
) -> None:
    """Store a table's state, within the transaction that is open.

    Parameters
    ----------
    anew: whether nothing is stored for it as yet, as seen under its lock.
    into: the table that is to keep it; "" for the one that does.
    """
    dialect = settler.dialect
    states, name = place.sql(dialect, into or settler.state_table(place)), dialect.text(place.entry)
    table, column = dialect.quote("table"), dialect.quote("state")
    text = dialect.text(state.to_json())
    if anew:
        link.execute(f"INSERT INTO {states} ({table}, {column}) VALUES ({name}, {text})")
    else:
        link.execute(f"UPDATE {states} SET {column} = {text} WHERE {table} = {name}")


def make_state_table(settler: Settler, link: Link, place: Place) -> None:
    """Make the state table, unless it is there; outside the transaction that commits, so that
    first loads into one schema do not wait for each other to their end."""
    table = settler.state_table(place)
    make_once(
        settler,
        link,
        place,
        table,
        lambda: settler.create(link, place.plain, table, FIELDS, ("table",)),
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

"""Watermarks in SQLite: comparing a column with a bound as its values lie stored.

Numbers compare as they are. Dates and times are text in any of ISO 8601's forms (`2024-01-31`,
`2024-01-31T10:00Z`, `2024-01-31 10:00:00.5`), whose order as text is not their order in time. Each
is brought to one form of 29 characters, `2024-01-31 10:00:00.500000000` (UTC for columns with a
zone), whose order is. A value in no such form is always within the window, so that it is read, and
reported as bad, rather than skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

from hygge.core.errors import UnsupportedError
from hygge.core.fields import Field
from hygge.core.watermark import Position, Window
from hygge.sql.sqlite.catalogue import Relation, quote
from hygge.sql.sqlite.columns import carrier_of

_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_MINUTE = "[0-9][0-9]:[0-9][0-9]"
_FILL = "0000-00-00 00:00:00.000000000"
_Show = Callable[[Position], str]


def condition(source: Relation, field: Field, window: Window) -> str:
    """The SQL condition for the rows of a window."""
    name = _comparable(source, field)
    first = "1" if window.lower is None else "0"
    if not field.type.is_temporal:
        bounds = _between(name, window, _number) or "1"
        if source.alias == field.name:
            return bounds
        # Text and blobs sort above all numbers: they must be read to be reported.
        rest = f" OR {name} IS NULL" if window.lower is None else ""
        return f"(({bounds}) OR {name} >= ''{rest})"
    zoned = field.type.zone is not None
    bounds = _between(_canonical(name, zoned), window, _text) or "1"
    return (
        f"CASE WHEN {name} IS NULL THEN {first} WHEN NOT ({well_formed(name, zoned)}) THEN 1 "
        f"ELSE {bounds} END"
    )


def maximum_sql(source: Relation, field: Field) -> str:
    """A query for one row: the largest value as stored, or in the one form for dates and times."""
    name = _comparable(source, field)
    if field.type.is_temporal:
        name = _canonical(name, field.type.zone is not None)
    return f"SELECT max({name}) FROM {source.sql}"


def malformed(source: Relation, field: Field) -> str:
    """A condition for values that no window can place; "" where every value can be placed."""
    name = quote(field.name)
    if field.type.is_temporal:
        good = well_formed(name, field.type.zone is not None)
        return f"{name} IS NOT NULL AND NOT ({good})"
    return "" if source.alias == field.name else f"{name} >= ''"


def position(field: Field, value: object) -> Position:
    """A stored maximum as a position. Raises ValueError where it does not fit the field."""
    kind = field.type
    if kind.kind == "decimal":
        step = Decimal(1).scaleb(-(kind.scale or 0))
        return Decimal(repr(value)).quantize(step)
    if kind.is_integer:
        if not isinstance(value, int):
            raise ValueError(value)
        return value
    text = str(value)[:26]  # nanoseconds are cut: the bound is the next microsecond, above them
    moment = datetime.fromisoformat(text)
    if kind.kind == "date":
        return moment.date()
    return moment.replace(tzinfo=UTC) if kind.zone else moment


def _comparable(source: Relation, field: Field) -> str:
    carrier = carrier_of(field.type, source[field.name].affinity)
    stored_as_text = carrier == "text" and field.type.kind != "decimal"
    if field.type.kind == "decimal" and source[field.name].affinity == "TEXT":
        stored_as_text = True
    if stored_as_text and not field.type.is_temporal:
        raise UnsupportedError(
            f"'{field.name}' keeps its numbers as text, which does not sort as numbers do",
            hint="choose another column for `incremental`",
        )
    return quote(field.name)


def _between(name: str, window: Window, show: _Show) -> str:
    parts = []
    if window.lower is not None:
        parts.append(f"{name} >= {show(window.lower)}")
    if window.upper is not None:
        parts.append(f"{name} < {show(window.upper)}")
    return " AND ".join(parts)


def _number(value: Position) -> str:
    assert isinstance(value, int | Decimal)  # of a column of numbers
    return str(int(value)) if value == int(value) else repr(float(value))


def _text(value: Position) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return f"'{value.isoformat(sep=' ', timespec='microseconds')}000'"
    assert isinstance(value, date)  # a temporal field's position
    return f"'{value.isoformat()} 00:00:00.000000000'"


def well_formed(name: str, zoned: bool) -> str:
    """A condition for text of a form that `_canonical` orders; never NULL for what is not NULL."""
    local = f"({_head(name)})" if zoned else name
    clock = (
        f"substr({local}, 12) GLOB '{_MINUTE}' OR substr({local}, 12) GLOB '{_MINUTE}:[0-9][0-9]' "
        f"OR (substr({local}, 12) GLOB '{_MINUTE}:[0-9][0-9].[0-9]*' "
        f"AND substr({local}, 21) NOT GLOB '*[^0-9]*')"
    )
    whole = f"length({local}) = 10" + (" AND 0" if zoned else "")
    rest = f"substr({local}, 11, 1) IN (' ', 'T', 't') AND ({clock})"
    tail = _tail(name)
    offset = f" AND ({tail} IN ('Z', 'z') OR {tail} GLOB '[+-]{_MINUTE}')" if zoned else ""
    return f"typeof({name}) = 'text' AND {local} GLOB '{_DAY}*' AND ({whole} OR {rest}){offset}"


def _head(name: str) -> str:
    """The wall clock of a text that ends in `Z` or `+hh:mm`."""
    return (
        f"CASE WHEN {name} LIKE '%z' THEN substr({name}, 1, length({name}) - 1) "
        f"ELSE substr({name}, 1, length({name}) - 6) END"
    )


def _tail(name: str) -> str:
    return f"CASE WHEN {name} LIKE '%z' THEN substr({name}, -1) ELSE substr({name}, -6) END"


def _canonical(name: str, zoned: bool) -> str:
    local = _head(name) if zoned else name
    padded = (
        f"substr(substr({local}, 1, 10) || ' ' || substr({local}, 12) || "
        f"substr('{_FILL}', max(length({local}), 11) + 1), 1, 29)"
    )
    if not zoned:
        return padded
    back = (
        f"CASE WHEN {name} LIKE '%z' THEN '+00:00' ELSE "
        f"CASE substr({name}, -6, 1) WHEN '+' THEN '-' ELSE '+' END || substr({name}, -5) END"
    )
    return f"(datetime(substr({padded}, 1, 19), {back}) || substr({padded}, 20))"

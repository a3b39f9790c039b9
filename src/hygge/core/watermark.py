"""Watermarks: typed positions, and the windows between them. Values in, values out.

The window is `[last - lag, upper)`. `upper` is frozen before reading and is what gets stored, so a
row that arrives while we read is read next time, never skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Context, Decimal
from typing import Any

from hygge.core.errors import FULL_REFRESH, DataError, StateError, UnsupportedError
from hygge.core.fields import INTEGERS, LogicalType, parse_type
from hygge.core.zones import in_utc, settled_wall_clock

Position = int | date | datetime | Decimal
_DIGITS = Context(prec=100)  # decimals of 38 digits and a step past them, without rounding


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a column of an entity has been moved: every row below `value` has been.

    Parameters
    ----------
    column: the column's name at the source.
    type: its logical type; `value` is an int, date, datetime or Decimal accordingly.
    value: the exclusive upper bound of what was moved.
    """

    column: str
    type: LogicalType
    value: Position

    def to_json(self) -> dict[str, str]:
        return {"column": self.column, "type": str(self.type), "value": _shown(self.value)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Watermark:
        """Read a stored watermark. Raises StateError where it is damaged."""
        try:
            kind = parse_type(stored["type"])
            return cls(str(stored["column"]), kind, _parse(kind, stored["value"]))
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            raise StateError(
                f"the stored watermark {dict(stored)!r} cannot be read: {error}",
                hint=f"{FULL_REFRESH} reads everything again and writes a new one",
            ) from None

    def __str__(self) -> str:
        return f"{self.column} < {self.value}"


def _shown(value: Position) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _parse(kind: LogicalType, text: str) -> Position:
    if kind.is_integer:
        return int(text)
    if kind.kind == "decimal":
        return Decimal(text)
    if kind.kind == "date":
        return date.fromisoformat(text)
    if kind.kind == "timestamp":
        return datetime.fromisoformat(text)
    raise ValueError(f"{kind} cannot be a watermark")


@dataclass(frozen=True, slots=True)
class Window:
    """The rows of one incremental read: `lower <= column < upper`; None is unbounded.

    A row whose column is NULL is in the first window (`lower` None) and in no other. A run never
    reads without an upper bound: where no row has a position yet, it reads none, so that those
    without are read once, together with the first that has one.
    """

    column: str
    type: LogicalType
    lower: Position | None
    upper: Position | None

    def __str__(self) -> str:
        if self.upper is None:
            return f"{self.column}: nothing to read"
        start = "" if self.lower is None else f"{self.lower} <= "
        return f"{start}{self.column} < {self.upper}"

    def to_json(self) -> dict[str, Any]:
        lower, upper = (None if b is None else _shown(b) for b in (self.lower, self.upper))
        return {"column": self.column, "type": str(self.type), "lower": lower, "upper": upper}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Window:
        """Read one back. Raises KeyError, ValueError, TypeError or ArithmeticError."""
        kind = parse_type(stored["type"])
        lower, upper = (
            None if stored[name] is None else _parse(kind, stored[name])
            for name in ("lower", "upper")
        )
        return cls(str(stored["column"]), kind, lower, upper)


def check_type(column: str, kind: LogicalType) -> None:
    """Raise UnsupportedError where a column of this type cannot carry a watermark."""
    if kind.is_integer or kind.is_temporal or kind.kind == "decimal":
        return
    raise UnsupportedError(
        f"'{column}' is {kind}; a watermark needs an integer, decimal, date or timestamp",
        hint="choose another column, or declare its type under the home's `types:`",
    )


def after(value: Position, kind: LogicalType) -> Position:
    """The next value a column of this type can hold: the exclusive bound that includes `value`.

    Raises DataError for the last moment or day that a calendar has (9999-12-31), which has none.
    """
    try:
        if isinstance(value, datetime):
            return value + timedelta(microseconds=1000 if kind.unit == "ms" else 1)
        if isinstance(value, date):
            return value + timedelta(days=1)
    except OverflowError:
        raise DataError(
            f"the largest value is {value}, and no bound can be put after it",
            hint="mend the row, or read incrementally by another column",
        ) from None
    if isinstance(value, Decimal):
        return _DIGITS.add(value, Decimal((0, (1,), -(kind.scale or 0))))
    return value + 1


def freeze_upper(
    kind: LogicalType,
    *,
    maximum: Position | None,
    clock: datetime | None,
    last: Position | None,
    zone: tzinfo = UTC,
) -> Position | None:
    """The exclusive upper bound of a read, frozen before it starts.

    For numbers: the next value after the maximum. For dates and times: the same, but never above
    the source's clock (so that one row dated 9999 cannot hide all that come after it); a date
    includes the clock's own day only up to yesterday's end, since today's rows still arrive. Where
    the clocks of a naive column's zone are about to go back, the bound stays below the time they
    go back to, since rows yet to come will carry it.

    Parameters
    ----------
    kind: the column's type.
    maximum: the largest value at the source now; None where it has no rows.
    clock: the source's clock, aware; None where it cannot tell, for numbers.
    last: the stored position; the bound never falls below it.
    zone: what a naive column's wall clock means.

    Returns the bound; a zoned column's is in UTC. Raises DataError where nothing comes after the
    maximum and there is no clock.
    """
    if maximum is None:
        return last
    maximum = in_utc(maximum)
    last = None if last is None else in_utc(last)
    bound: Position
    if clock is not None and isinstance(maximum, date):
        now: date
        if not isinstance(maximum, datetime):
            now = settled_wall_clock(clock, zone).date()
        elif kind.zone is None:
            now = settled_wall_clock(clock, zone)
        else:
            now = clock.astimezone(UTC)
        bound = now if maximum >= now else after(maximum, kind)
    else:
        bound = after(maximum, kind)
    if last is not None and _comparable(bound, last) and bound < last:  # type: ignore[operator]
        return last
    return bound


def _comparable(left: Position, right: Position) -> bool:
    """Whether two positions are of one sort; where not, `window` says what is wrong."""
    if isinstance(left, datetime) and isinstance(right, datetime):
        return (left.tzinfo is None) == (right.tzinfo is None)
    if isinstance(left, date) or isinstance(right, date):
        return type(left) is type(right)
    return True


def window(
    column: str,
    kind: LogicalType,
    *,
    last: Watermark | None,
    lag: timedelta | int | Decimal,
    upper: Position | None,
) -> Window:
    """The rows to read: from `lag` before the stored position up to the frozen bound.

    Raises StateError where the stored watermark belongs to another column or type.
    """
    if last is None:
        return Window(column, kind, None, upper)
    if last.column != column or not _same_sort(last.type, kind):
        raise StateError(
            f"the destination's watermark is on '{last.column}' ({last.type}), "
            f"but the entity now says '{column}' ({kind})",
            hint=f"{FULL_REFRESH} reads everything again; or put the old column back",
        )
    return Window(column, kind, step_back(last.value, lag), upper)


def _same_sort(stored: LogicalType, now: LogicalType) -> bool:
    """Whether positions of both types can be compared: an integer may have become a wider one."""
    if stored.kind == "timestamp" == now.kind:
        return (stored.zone is None) == (now.zone is None)
    numbers = {*INTEGERS, "decimal"}
    return stored.kind == now.kind or {stored.kind, now.kind} <= numbers


def check_lag(kind: LogicalType, lag: timedelta | int | Decimal) -> None:
    """Raise UnsupportedError for a lag of another sort than a column's positions."""
    if kind.is_temporal and not isinstance(lag, timedelta):
        raise UnsupportedError(
            f"`lag: {lag}` is a number, and the column is {kind}",
            hint="give it as a duration, e.g. `lag: 15m` or `lag: 2d`",
        )
    if not kind.is_temporal and isinstance(lag, timedelta) and lag:
        raise UnsupportedError(
            f"`lag` is a duration, and the column is {kind}",
            hint="give it as a number, e.g. `lag: 1000`",
        )


def step_back(value: Position, lag: timedelta | int | Decimal) -> Position:
    """A position moved back by a lag: a duration for times (whole days for dates), else a number;
    see `check_lag`. It stops at the beginning of the calendar.
    """
    if isinstance(value, datetime):
        assert isinstance(lag, timedelta)
        value = in_utc(value)
        floor = datetime.min.replace(tzinfo=value.tzinfo)
        return floor if value - floor < lag else value - lag
    if isinstance(value, date):
        assert isinstance(lag, timedelta)
        days = -(-lag // timedelta(days=1))
        return date.min if (value - date.min).days < days else value - timedelta(days=days)
    if isinstance(lag, timedelta):
        return value
    if isinstance(value, int) and isinstance(lag, int):
        return value - lag
    return _DIGITS.subtract(Decimal(value), Decimal(lag))

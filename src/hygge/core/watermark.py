"""Watermarks: typed positions, and the windows between them. Values in, values out.

The window is `[last - lag, upper)`. `upper` is frozen before reading and is what gets stored, so a
row that arrives while we read is read next time, never skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hygge.core.errors import StateError, UnsupportedError
from hygge.core.fields import LogicalType, parse_type

Position = int | date | datetime | Decimal
_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1, "ms": 0.001, "us": 0.000_001}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|us|[wdhms])")


def parse_duration(text: str) -> timedelta:
    """`1h30m`, `90s`, `7d`, `500ms`; `0` is none. Raises ValueError otherwise."""
    stripped = text.strip().lower()
    if stripped == "0":
        return timedelta()
    total, at = 0.0, 0
    while at < len(stripped):
        match = _DURATION.match(stripped, at)
        if match is None:
            break
        total += float(match[1]) * _UNITS[match[2]]
        at = match.end()
    if not stripped or at != len(stripped):
        raise ValueError(f"'{text}' is not a duration; write it as 90s, 15m, 3h, 7d or 1h30m")
    return timedelta(seconds=total)


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
        value = self.value.isoformat() if isinstance(self.value, date) else str(self.value)
        return {"column": self.column, "type": str(self.type), "value": value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Watermark:
        """Read a stored watermark. Raises StateError where it is damaged."""
        try:
            kind = parse_type(stored["type"])
            return cls(str(stored["column"]), kind, _parse(kind, stored["value"]))
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            raise StateError(
                f"the stored watermark {dict(stored)!r} cannot be read: {error}",
                hint="--full-refresh reads everything again and writes a new one",
            ) from None

    def __str__(self) -> str:
        return f"{self.column} < {self.value}"


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

    A row whose column is NULL is in the first window (`lower` None) and in no other.
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


def check_type(column: str, kind: LogicalType) -> None:
    """Raise UnsupportedError where a column of this type cannot carry a watermark."""
    if kind.is_integer or kind.is_temporal or kind.kind == "decimal":
        return
    raise UnsupportedError(
        f"'{column}' is {kind}; a watermark needs an integer, decimal, date or timestamp",
        hint="choose another column, or declare its type under the home's `types:`",
    )


def after(value: Position, kind: LogicalType) -> Position:
    """The next value a column of this type can hold: the exclusive bound that includes `value`."""
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1000 if kind.unit == "ms" else 1)
    if isinstance(value, date):
        return value + timedelta(days=1)
    if isinstance(value, Decimal):
        return value + Decimal(1).scaleb(-(kind.scale or 0))
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
    includes the clock's own day only up to yesterday's end, since today's rows still arrive.

    Parameters
    ----------
    kind: the column's type.
    maximum: the largest value at the source now; None where it has no rows.
    clock: the source's clock, aware; None where it cannot tell, for numbers.
    last: the stored position; the bound never falls below it.
    zone: what a naive column's wall clock means.
    """
    if maximum is None:
        return last
    bound = after(maximum, kind)
    if clock is not None and isinstance(bound, datetime):
        now = clock.astimezone(zone).replace(tzinfo=None) if kind.zone is None else clock
        bound = min(bound, now)
    elif clock is not None and isinstance(bound, date):
        bound = min(bound, clock.astimezone(zone).date())
    if last is not None and bound < last:  # type: ignore[operator]
        return last
    return bound


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
    if last.column != column or last.type.kind != kind.kind or last.type.zone != kind.zone:
        raise StateError(
            f"the destination's watermark is on '{last.column}' ({last.type}), "
            f"but the entity now says '{column}' ({kind})",
            hint="--full-refresh reads everything again; or put the old column back",
        )
    return Window(column, kind, step_back(last.value, lag), upper)


def step_back(value: Position, lag: timedelta | int | Decimal) -> Position:
    """A position moved back by a lag: a duration for times (whole days for dates), else a number."""
    if isinstance(value, datetime):
        floor = datetime.min.replace(tzinfo=value.tzinfo)
        if not isinstance(lag, timedelta):
            raise UnsupportedError("the lag of a time column is a duration, e.g. 15m or 2d")
        return floor if value - floor < lag else value - lag
    if isinstance(value, date):
        if not isinstance(lag, timedelta):
            raise UnsupportedError("the lag of a date column is a duration, e.g. 2d")
        days = -(-lag // timedelta(days=1))
        return date.min if (value - date.min).days < days else value - timedelta(days=days)
    if isinstance(lag, timedelta):
        if lag:
            raise UnsupportedError("the lag of a number column is a number, e.g. 1000")
        lag = 0
    return value - lag


def zone_of(name: str | None) -> tzinfo:
    """The zone a configuration names; UTC where it names none."""
    return ZoneInfo(name) if name else UTC

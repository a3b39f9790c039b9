"""Dates and times of MySQL's binary protocol: pure functions over their bytes.

A date is a year (two bytes), a month and a day; a date and time has hour, minute and second
after them, and perhaps microseconds (four bytes). What is all zero at the end is left out, down
to no byte at all. A time is a sign, days (four bytes), hour, minute, second, and microseconds.
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Look = Callable[[str, npt.NDArray[np.int64]], npt.NDArray[Any]]
"""Gives the values of a dtype at places."""
Ints = npt.NDArray[np.int64]
Valid = npt.NDArray[np.bool_]

DURATION = pl.Duration("us")
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_YEARS = 10_000
_MONTHS: Ints = (
    (np.arange(_YEARS * 12 + 1) - 1970 * 12).astype("M8[M]").astype("M8[D]").astype(np.int64)
)
"""The day, since 1970, that each month from that of the year 0 begins with (Gregorian)."""


class Parts:
    """Dates and times taken apart; all parts are 0 where there is no value.

    Parameters
    ----------
    look: see `Look`.
    places: where each value begins, after its length.
    lengths: how many bytes each has.
    """

    def __init__(self, look: Look, places: Ints, lengths: npt.NDArray[np.uint8]) -> None:
        def part(dtype: str, at: int, least: int) -> Ints:
            values: Ints = look(dtype, places + at).astype(np.int64)
            values[lengths < least] = 0
            return values

        self.year, self.month, self.day = part("<u2", 0, 4), part("u1", 2, 4), part("u1", 3, 4)
        self.hour, self.minute = part("u1", 4, 7), part("u1", 5, 7)
        self.second, self.micro = part("u1", 6, 7), part("<u4", 7, 11)

    @property
    def known(self) -> Valid:
        """Which are days of the calendar: years 1 to 9999, without zeros or a 31st of February."""
        index = self._index
        days = _MONTHS[index + 1] - _MONTHS[index]
        inside = (self.year > 0) & (self.year < _YEARS) & (self.month > 0) & (self.month <= 12)
        return inside & (self.day > 0) & (self.day <= days)

    @property
    def _index(self) -> Ints:
        found: Ints = np.clip(self.year * 12 + self.month - 1, 0, _YEARS * 12 - 1)
        return found

    @property
    def days(self) -> Ints:
        """Days since 1970."""
        return _MONTHS[self._index] + (self.day - 1)

    @property
    def within_day(self) -> Ints:
        """Microseconds since midnight."""
        seconds = (self.hour * 60 + self.minute) * 60 + self.second
        return seconds * _SECOND + self.micro

    def text(self, valid: Valid | None, *, clock: bool) -> pl.Series:
        """As MySQL writes them, to microseconds."""
        parts = [("-", self.year, 4), ("-", self.month, 2), ("", self.day, 2)]
        if clock:
            parts[2] = (" ", self.day, 2)
            parts += [(":", self.hour, 2), (":", self.minute, 2), (".", self.second, 2),
                      ("", self.micro, 6)]  # fmt: skip
        out = pl.select(
            pl.concat_str(
                [pl.lit(pl.Series(v)).cast(pl.String).str.zfill(n) + after for after, v, n in parts]
            )
        ).to_series()
        return _nulled(out, valid)


def dates(
    look: Look, places: Ints, lengths: npt.NDArray[np.uint8], valid: Valid | None
) -> pl.Series:
    """Dates; as text where any is a day that no calendar has."""
    parts = Parts(look, places, lengths)
    if not _all(parts.known, valid):
        return parts.text(valid, clock=False)
    return _nulled(pl.Series(parts.days.astype(np.int32)), valid).cast(pl.Date)


def datetimes(
    look: Look, places: Ints, lengths: npt.NDArray[np.uint8], valid: Valid | None, *, zoned: bool
) -> pl.Series:
    """Dates with times, in microseconds; as text where any is a day that no calendar has.

    Parameters
    ----------
    zoned: whether they are instants, the session's zone being UTC.
    """
    parts = Parts(look, places, lengths)
    if not _all(parts.known, valid):
        text = parts.text(valid, clock=True)
        return text + "+00:00" if zoned else text
    moments = pl.Series(parts.days * _DAY + parts.within_day)
    return _nulled(moments, valid).cast(pl.Datetime("us", "UTC" if zoned else None))


def durations(look: Look, places: Ints, lengths: npt.NDArray[np.uint8]) -> Ints:
    """Times in microseconds, -838:59:59.999999 to 838:59:59.999999; 0 where there is no value."""

    def part(dtype: str, at: int, least: int) -> Ints:
        return look(dtype, places + at).astype(np.int64) * (lengths >= least)

    seconds = (part("u1", 5, 8) * 60 + part("u1", 6, 8)) * 60 + part("u1", 7, 8)
    amount = part("<u4", 1, 8) * _DAY + seconds * _SECOND + part("<u4", 8, 12)
    return np.where(part("u1", 0, 8) == 1, -amount, amount)


def _all(known: Valid, valid: Valid | None) -> bool:
    return bool((known if valid is None else known | ~valid).all())


def _nulled(values: pl.Series, valid: Valid | None) -> pl.Series:
    if valid is None:
        return values
    rows = pl.select(pl.when(pl.Series(valid)).then(values))
    return rows.to_series()

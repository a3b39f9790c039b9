"""Batches as DuckDB gives them, as frames: a time that only DuckDB has comes as text.

Text is what conforming looks at value by value, so that the one which does not fit is named, or
dealt with as `on_bad_value` says. Polars itself would make NULL of 24:00, and take infinity for a
moment (DuckDB keeps it as the largest number of its type).
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa

DAY_S = 86_400
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 in days since 1970-01-01 (ISO 8601's years of four digits)."""
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DIGITS = {"ms": 3, "us": 6, "ns": 9}


def frame(batch: pa.RecordBatch) -> pl.DataFrame:
    """A batch as a frame of the same columns; those with a time of DuckDB's alone as text."""
    times = {
        name: text
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if pa.types.is_time(column.type) and (text := _time(column)) is not None
    }
    found = pl.DataFrame(batch)
    moments = {name: text for name in found.columns if (text := _moment(found[name])) is not None}
    told = [text.alias(name) for name, text in (times | moments).items()]
    return found.with_columns(told) if told else found


def _time(column: Any) -> pl.Series | None:
    """A column with times of 24:00 as text; None where it has none."""
    number, unit = pl.Series(column.view(pa.int64())), _TICKS[column.type.unit]
    most = number.max()
    if not isinstance(most, int) or most < DAY_S * unit:
        return None
    inside = number.set(number >= DAY_S * unit, None)
    text = (inside * (10**9 // unit)).cast(pl.Time).dt.to_string("%H:%M:%S%.f")
    return text.set(number >= DAY_S * unit, "24:00:00")


def _moment(column: pl.Series) -> pl.Series | None:
    """A column with days or moments beyond ISO 8601's years as text; None where all are within."""
    dtype = column.dtype
    if dtype == pl.Date:
        least, most, infinite = FIRST_DAY, LAST_DAY, 2**31 - 1
        unit = "days"
    elif isinstance(dtype, pl.Datetime):
        day, infinite = DAY_S * _TICKS[dtype.time_unit], 2**63 - 1
        least, most, unit = FIRST_DAY * day, (LAST_DAY + 1) * day - 1, dtype.time_unit
        # Nanoseconds end in 1677 and 2262, at infinity.
        least, most = max(least, 1 - infinite), min(most, infinite - 1)
    else:
        return None
    ticks = column.to_physical()
    low, high = ticks.min(), ticks.max()
    if not (isinstance(low, int) and isinstance(high, int)) or (low >= least and high <= most):
        return None
    beyond = ~ticks.is_between(least, most)
    text = _iso(column.set(beyond, None))
    shown = pl.select(
        pl.when(ticks == infinite).then(pl.lit("infinity"))
        .when(ticks == -infinite).then(pl.lit("-infinity"))
        .otherwise(pl.format("{} {} since 1970", ticks, pl.lit(unit)))
    ).to_series()  # fmt: skip
    return text.zip_with(~beyond.fill_null(False), shown)


def _iso(column: pl.Series) -> pl.Series:
    """Days and moments as ISO 8601 has them, with all their digits."""
    dtype = column.dtype
    if not isinstance(dtype, pl.Datetime):
        return column.dt.to_string("%Y-%m-%d")
    zoned = dtype.time_zone is not None
    plain = column.dt.convert_time_zone("UTC") if zoned else column
    form = f"%Y-%m-%dT%H:%M:%S%.{_DIGITS[dtype.time_unit]}f" + ("+00:00" if zoned else "")
    return plain.dt.to_string(form)

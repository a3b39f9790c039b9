"""Batches as MySQL is to have them: a column at a time, and what it cannot hold is an error."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from hygge.core.fields import Field, Schema
from hygge.core.sift import refuse
from hygge.sql.nested import NO_NUMBER, as_json, lost_in_json
from hygge.sql.rows import beyond_years

_LONGEST = 838 * 3_600_000_000 + 59 * 60_000_000 + 59_000_000 + 999_999
"""Microseconds of the longest TIME, either way: https://dev.mysql.com/doc/refman/8.4/en/time.html"""
_FINITE = "MySQL's numbers are finite"


def encoded(batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int) -> pl.DataFrame:
    """The batch in numbers, texts, bytes, dates, times of day and naive moments.

    Raises BadValue for what MySQL cannot hold: NaN and infinity, spans beyond 838:59:59, times of
    day finer than microseconds.
    """
    refuse(batch, fields, unheld, entity=entity, offset=offset)
    columns = [_encoded(c, f).alias(c.name) for c, f in zip(batch, fields, strict=True)]
    return pl.DataFrame(columns)


def unheld(column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
    """See `core.sift.Unheld`."""
    kind = field.type
    if kind.kind in ("float32", "float64"):
        return [(~column.is_finite(), _FINITE)]
    if kind.is_temporal:
        return [(beyond_years(column, kind), "MySQL's dates end with the year 9999")]
    if kind.kind == "duration":
        spans = column.dt.total_microseconds()
        return [(spans.abs() > _LONGEST, "MySQL's TIME ends at 838:59:59")]
    if kind.kind == "time":
        return [(column.cast(pl.Int64) % 1000 != 0, "MySQL's times are in microseconds")]
    lost = lost_in_json(column) if kind.kind in ("list", "struct") else None
    return [] if lost is None else [(lost, NO_NUMBER)]


def _encoded(column: pl.Series, field: Field) -> pl.Series:
    kind = field.type
    if kind.kind == "bool":
        return column.cast(pl.UInt8)
    if kind.kind == "float32":  # its shortest text may lie beyond the greatest FLOAT
        return column.cast(pl.Float64)
    if kind.kind == "null":
        return column.cast(pl.String)
    if kind.kind == "timestamp" and kind.zone:
        return column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if kind.kind == "duration":
        return _clock(column.dt.total_microseconds())
    if kind.kind in ("list", "struct"):
        return as_json(column)
    return column


def _clock(spans: pl.Series) -> pl.Series:
    """Microseconds as TIME is written: `-838:59:59.999999`."""
    size = pl.col("s").abs()
    parts = [(size // 60_000_000 % 60, 2), (size // 1_000_000 % 60, 2), (size % 1_000_000, 6)]
    minutes, seconds, rest = (p.cast(pl.String).str.zfill(width) for p, width in parts)
    sign = pl.when(pl.col("s") < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    hours = (size // 3_600_000_000).cast(pl.String)
    written = pl.concat_str([sign, hours, pl.lit(":"), minutes, pl.lit(":"), seconds, pl.lit("."),
                             rest])  # fmt: skip
    return spans.alias("s").to_frame().select(written).to_series()

"""The rows of a window, among those of a file."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import polars as pl

from hygge.core.conform import exact
from hygge.core.fields import MAX_PRECISION, Schema
from hygge.core.watermark import Position, Window


def within(frame: pl.DataFrame, window: Window, schema: Schema, entity: str) -> pl.DataFrame:
    """The rows of a window; a NULL position is in the first window (no lower bound) only."""
    return frame.filter(is_within(frame, window, schema, entity))


def is_within(frame: pl.DataFrame, window: Window, schema: Schema, entity: str) -> pl.Series:
    """Of each row, whether it is in a window."""
    field = replace(schema[window.column], type=window.type)
    position = exact(frame[window.column], field, schema, frame, entity=entity)
    keep = pl.Series([True]).new_from_index(0, frame.height)
    if position.dtype.is_integer():
        position = position.cast(pl.Int128)  # a bound may lie just outside the column's own type
    elif isinstance(position.dtype, pl.Datetime):
        position = position.dt.cast_time_unit("us")  # the bounds are Python's: microseconds, in UTC
        if window.type.zone is not None:
            position = position.dt.convert_time_zone("UTC")
    if window.lower is not None:
        keep &= _reached(position, window.lower).fill_null(False)
    if window.upper is not None:
        keep &= (~_reached(position, window.upper)).fill_null(window.lower is None)
    return keep


def _reached(position: pl.Series, bound: Position) -> pl.Series:
    """Where a position is at or above a bound; NULL where it is NULL."""
    if isinstance(bound, Decimal):
        scale = getattr(position.dtype, "scale", 0) or 0
        if bound >= Decimal((0, (1,), MAX_PRECISION - scale)):  # after the largest there can be
            return position != position  # false, and NULL where it is NULL
    if position.dtype == pl.Int128:
        return position >= pl.Series([bound], dtype=pl.Int128)
    return position >= bound

"""Rows and values of every database: naming one in an error, dates of four digits."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from hygge.core.fields import LogicalType

_FIRST, _LAST = -719_528, 2_932_896  # days from 1970-01-01 to 0000-01-01 and 9999-12-31
_DAY = {"ms": 86_400_000, "us": 86_400_000_000}


def row_of(batch: pl.DataFrame, keys: Sequence[str], at: int, offset: int = 0) -> str:
    """A row by its key, `id=7`, or by its number, `row 12`, counting from 1.

    Parameters
    ----------
    batch: the rows.
    keys: the key's columns; those not in the batch do not help.
    at: the row's index in the batch.
    offset: how many rows came before the batch.
    """
    known = [key for key in keys if key in batch.columns]
    if known:
        return ", ".join(f"{key}={batch[key].cast(pl.String, strict=False)[at]}" for key in known)
    return f"row {offset + at + 1}"


def beyond_years(column: pl.Series, kind: LogicalType) -> pl.Series:
    """Whether dates or timestamps are outside the years 0 to 9999, in UTC; never where NULL."""
    if kind.unit == "ns":  # which end with 2262, in 64 bits
        return pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    day = 1 if kind.kind == "date" else _DAY[kind.unit or "us"]
    within = column.to_physical().is_between(_FIRST * day, (_LAST + 1) * day - 1)
    return ~within.fill_null(True)

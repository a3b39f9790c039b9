"""What Delta's log says of a file: its partition's values, and bounds that let readers skip it.

The format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from hygge.core.errors import DataError

BOUNDED = 32
"""Of so many columns, the first, bounds are kept; delta.dataSkippingNumIndexedCols' default."""
LONGEST = 64
"""Characters of a text up to which it is a bound."""
PARTS = (pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Date, pl.String)
"""Dtypes of columns that a table can be partitioned by."""


def statistics(frame: pl.DataFrame) -> str:
    """A file's statistics, as Delta's JSON.

    Bounds are kept of whole numbers, days, moments and short texts, which JSON carries exactly.
    """
    lowest: dict[str, Any] = {}
    highest: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for column in frame.iter_columns():
        if len(nulls) == BOUNDED:
            break
        if column.dtype.is_nested():
            continue
        nulls[column.name] = column.null_count()
        if not (
            column.dtype.is_integer() or column.dtype.is_temporal() or column.dtype == pl.String
        ):
            continue
        low = _bound(column.min())
        high = None if low is None else _bound(column.max())  # long texts take their time
        if high is not None:
            lowest[column.name], highest[column.name] = low, high
    told = {
        "numRecords": frame.height, "minValues": lowest, "maxValues": highest, "nullCount": nulls,
        "tightBounds": True,
    }  # fmt: skip
    return json.dumps(told, separators=(",", ":"))


def _bound(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value.isoformat(timespec="microseconds")
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and len(value) > LONGEST:
        return None
    return value


def partition_values(columns: Sequence[str], key: Sequence[Any], entity: str) -> dict[str, Any]:
    """A partition's values, as Delta's log writes them; None is NULL.

    Raises DataError for the empty text, which the log cannot tell from NULL.
    """
    out: dict[str, Any] = {}
    for name, value in zip(columns, key, strict=True):
        if value == "":
            raise DataError(
                f"{entity}: '{name}' is an empty text in some row, which Delta takes for NULL in a "
                "column of `partition_by`",
                hint="partition by another column",
            )
        if isinstance(value, bool):
            value = "true" if value else "false"
        out[name] = None if value is None else str(value)
    return out

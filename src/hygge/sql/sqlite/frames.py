"""Batches of the driver's Arrow types as frames with the source's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from hygge.core.errors import BadValue
from hygge.sql.rows import row_of
from hygge.sql.sqlite.columns import Asked
from hygge.sql.sqlite.decimals import plain

if TYPE_CHECKING:
    import pyarrow as pa


def carried(got: pa.Schema, asked: Sequence[Asked]) -> bool:
    """Whether every column came in its carrier: within a first batch the driver widens types."""
    import pyarrow as pa

    wanted = {
        "integer": pa.int64(), "real": pa.float64(), "text": pa.string(), "blob": pa.binary(),
    }  # fmt: skip
    return [f.type for f in got] == [wanted[a.carrier] for a in asked]


def frame_of(batch: pa.RecordBatch, asked: Sequence[Asked], *, entity: str) -> pl.DataFrame:
    """A batch with the source's names. Raises BadValue for text that is not UTF-8.

    Text is taken as bytes first: SQLite does not check it, and neither does Arrow.
    """
    import pyarrow as pa

    columns, broken = [], None
    for array, column in zip(batch.columns, asked, strict=True):
        kind = column.field.type
        if column.carrier != "text":
            values = pl.Series(column.field.name, array)
            # A duration is stored as the number of its units.
            columns.append(values.cast(kind.physical) if kind.kind == "duration" else values)
            continue
        raw = pl.Series(column.field.name, array.view(pa.binary()))
        text = raw.cast(pl.String, strict=False)
        if text.null_count() != raw.null_count():
            broken = broken or (column, raw, text)
        columns.append(plain(text) if kind.kind == "decimal" else text)
    frame = pl.DataFrame(columns)
    if broken is not None:
        column, raw, text = broken
        at = int((text.is_null() & raw.is_not_null()).arg_true()[0])
        keys = [a.field.name for a in asked if a.field.key]
        raise BadValue(
            entity=entity, column=column.field.name,
            row=row_of(frame, keys, at) if keys else "one row", value=raw[at],
            declared=f"{column.field.type}, being no UTF-8",
        )  # fmt: skip
    return frame

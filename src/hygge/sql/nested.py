"""Lists and structs for databases that have none: JSON, and what JSON cannot hold."""

from __future__ import annotations

import polars as pl

from hygge.core.fields import LogicalType

NO_NUMBER = "JSON has neither NaN nor infinity"
"""Why some rows are `lost_in_json`."""


def as_json(column: pl.Series) -> pl.Series:
    """A column of lists or structs as JSON text; NULL stays NULL."""
    text = column.alias("v").to_frame().select(pl.struct("v").struct.json_encode()).to_series()
    inner = text.str.slice(len('{"v":')).str.head(-1)
    return pl.DataFrame({"c": inner, "some": column.is_not_null()}).select(
        pl.when("some").then("c")
    ).to_series()  # fmt: skip


def has_bytes(kind: LogicalType) -> bool:
    """Whether there are bytes in a type, which JSON has no notation for."""
    return kind.kind == "binary" or any(has_bytes(f.type) for f in kind.inner)


def lost_in_json(column: pl.Series) -> pl.Series | None:
    """True for rows that hold a float which JSON has no notation for."""
    if column.dtype.is_float():
        return column.is_nan() | column.is_infinite()
    if isinstance(column.dtype, pl.List):
        inner = lost_in_json(column.explode())
        if inner is None or not inner.any():
            return None
        rows = pl.Series(range(len(column))).repeat_by(column.list.len().fill_null(0).clip(1))
        lost = rows.explode().filter(inner.fill_null(False))
        return pl.Series(range(len(column))).is_in(lost.implode())
    if isinstance(column.dtype, pl.Struct):
        found = [lost_in_json(column.struct.field(f.name)) for f in column.dtype.fields]
        lost_in = [f.fill_null(False) for f in found if f is not None]
        return pl.DataFrame(lost_in).select(pl.any_horizontal("*")).to_series() if lost_in else None
    return None

"""Lists and structs for databases that have none: JSON."""

from __future__ import annotations

import polars as pl


def as_json(column: pl.Series) -> pl.Series:
    """A column of lists or structs as JSON text; NULL stays NULL."""
    text = column.alias("v").to_frame().select(pl.struct("v").struct.json_encode()).to_series()
    inner = text.str.slice(len('{"v":')).str.head(-1)
    return pl.DataFrame({"c": inner, "some": column.is_not_null()}).select(
        pl.when("some").then("c")
    ).to_series()  # fmt: skip

"""What can be given as rows: Polars' frames, or what speaks Arrow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

import polars as pl

from hygge.core.errors import DataError


def is_frame(value: Any) -> bool:
    """Whether a value is rows itself, not an iterable of them: Polars', or what speaks Arrow."""
    return isinstance(value, pl.DataFrame | pl.LazyFrame) or (
        hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")
    )


class SpeaksArrow(Protocol):
    """What exports itself as a stream of Arrow data: pyarrow's tables and record batches, and those
    of most other libraries (https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface)
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Frame: TypeAlias = "pl.DataFrame | pl.LazyFrame | SpeaksArrow"
"""What can be given as rows."""


def frame_of(batch: Any, gave: str) -> pl.DataFrame:
    """Rows as a frame. Raises DataError, beginning with who `gave` it, for what is no `Frame`."""
    if isinstance(batch, pl.LazyFrame):
        return batch.collect()
    if isinstance(batch, pl.DataFrame):
        return batch
    if is_frame(batch) and not isinstance(batch, pl.Series):
        try:
            return pl.DataFrame(batch)
        except pl.exceptions.PolarsError:  # one Arrow column, not a table
            pass
    raise no_frame(batch, gave)


def replaced(frame: pl.DataFrame, columns: Iterable[pl.Series]) -> pl.DataFrame:
    """A frame with these columns in the places of those of their names: `with_columns`, but that
    no query is planned, and no thread woken for it, with each of many small batches."""
    found = frame.clone()
    for column in columns:
        found.replace_column(found.get_column_index(column.name), column)
    return found


def no_frame(value: Any, gave: str) -> DataError:
    """The error for what somebody `gave` and is no rows."""
    said = "None" if value is None else f"a {type(value).__name__}"
    return DataError(f"{gave} {said}", hint="give Polars DataFrames (or Arrow tables)")

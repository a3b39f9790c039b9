"""Batches of the driver's Arrow types as frames with the source's names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from hygge.core.errors import BadValue
from hygge.core.sift import unfit
from hygge.sql.ahead import ahead as fetched_ahead
from hygge.sql.sqlite.columns import Asked, carriers
from hygge.sql.sqlite.decimals import plain

if TYPE_CHECKING:
    import pyarrow as pa


def ahead(reader: pa.RecordBatchReader, rows: int) -> Iterator[pa.RecordBatch]:
    """A reader's batches; the next ones are fetched while one is being used.

    Parameters
    ----------
    reader: closed by the caller, after this.
    rows: how many rows all but the last batch have.
    """
    batch = next(reader, None)
    if batch is None or batch.num_rows < rows:
        yield from () if batch is None else (batch,)
        return
    yield from fetched_ahead(lambda: next(reader, None), first=batch)


def carried(got: pa.Schema, asked: Sequence[Asked]) -> bool:
    """Whether every column came in its carrier: within a first batch the driver widens types."""
    import pyarrow as pa

    wanted = {
        "integer": pa.int64(), "real": pa.float64(), "text": pa.string(), "blob": pa.binary(),
    }  # fmt: skip
    return [f.type for f in got] == [wanted[carrier] for carrier in carriers(asked)]


def frame_of(batch: pa.RecordBatch, asked: Sequence[Asked], *, entity: str) -> pl.DataFrame:
    """A batch with the source's names; values that come aside are told as `core.sift.unfit` has it.

    Text is taken as bytes first: SQLite does not check it, and neither does Arrow. Raises BadValue
    for text that is not UTF-8, unless values may come aside.
    """
    import pyarrow as pa

    raw = pl.DataFrame(
        pa.record_batch(
            [a.view(pa.binary()) if pa.types.is_string(a.type) else a for a in batch.columns],
            names=[str(at) for at in range(batch.num_columns)],
        )
    )
    columns, beside = [], raw.get_columns()[len(asked) :]
    reals, asides = iter(beside), iter(beside[sum(bool(a.reals) for a in asked) :])
    for values, column in zip(raw, asked, strict=False):
        kind, values = column.field.type, values.alias(column.field.name)
        wrong = _shown(next(asides)) if column.aside else None
        if column.carrier != "text":
            # A duration is stored as the number of its units.
            text = values.cast(kind.physical) if kind.kind == "duration" else values
        else:
            try:
                text = values.cast(pl.String)
            except pl.exceptions.ComputeError:
                if wrong is None:
                    raise _not_text(values, column, batch, asked, entity) from None
                text, broken = _decoded(values)
                wrong = wrong.fill_null(broken)
            if column.reals:
                text = text.fill_null(next(reals).cast(pl.String))
            text = plain(text) if kind.kind == "decimal" else text
        columns.append(text if wrong is None or not wrong.count() else unfit(text, wrong))
    return pl.DataFrame(columns)


def _shown(aside: pl.Series) -> pl.Series:
    """What came aside as text, whatever it is."""
    try:
        return aside.cast(pl.String)
    except pl.exceptions.ComputeError:
        text, broken = _decoded(aside)
        return text.fill_null(broken)


def _decoded(raw: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Bytes as text where they are UTF-8, and the others in hexadecimal. An error's path, and so
    row by row."""
    good = [value is None or _decodes(value) for value in raw]
    text = [v.decode() if v is not None and ok else None for v, ok in zip(raw, good, strict=True)]
    broken = [None if ok else v.hex() for v, ok in zip(raw, good, strict=True)]
    return pl.Series(raw.name, text, pl.String), pl.Series(raw.name, broken, pl.String)


def _not_text(
    raw: pl.Series, column: Asked, batch: pa.RecordBatch, asked: Sequence[Asked], entity: str
) -> BadValue:
    """The error for the first value that is not UTF-8."""
    at = next(i for i, value in enumerate(raw) if value is not None and not _decodes(value))
    keys = [(a.field.name, n) for n, a in enumerate(asked) if a.field.key and a is not column]
    row = ", ".join(f"{name}={batch.column(n)[at].as_py()}" for name, n in keys)
    return BadValue(
        entity=entity, column=column.field.name, row=row or "one row", value=raw[at],
        declared=f"{column.field.type}, being no UTF-8",
    )  # fmt: skip


def _decodes(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True

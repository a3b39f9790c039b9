"""Batches as SQLite is to store them: the type table's write side, a column at a time.

Every value comes back as it was from the declared type that `types.ddl` gives; what SQLite cannot
hold (NaN, a year of five digits) is an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from hygge.core.errors import UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.sift import refuse
from hygge.sql.nested import NO_NUMBER, as_json, has_bytes, lost_in_json
from hygge.sql.rows import beyond_years
from hygge.sql.sqlite.types import EXACT_DIGITS

_FRACTION = {"ms": 3, "us": 6, "ns": 9}


def check(fields: Schema) -> None:
    """Raise UnsupportedError for a field that no column of SQLite can hold."""
    for field in fields:
        if field.type.kind in ("list", "struct") and has_bytes(field.type):
            raise UnsupportedError(
                f"'{field.name}' is {field.type}: SQLite stores it as JSON, which has no bytes",
                hint="leave the column out, or cast it",
            )


def encode(batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int = 0) -> pl.DataFrame:
    """The batch with columns c0, c1, ... of integers, doubles, text and bytes.

    Parameters
    ----------
    batch: of exactly these fields.
    fields: what they are.
    entity, offset: for errors: the name, and the rows that came before.

    Raises
    ------
    BadValue: SQLite cannot hold a value.
    """
    refuse(batch, fields, unheld, entity=entity, offset=offset)
    columns = []
    for at, field in enumerate(fields):
        columns.append(_stored(batch[field.name], field.type).alias(f"c{at}"))
    return pl.DataFrame(columns)


def unheld(column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
    """See `core.sift.Unheld`: what SQLite would lose."""
    kind = field.type
    if column.dtype.is_float():
        return [(column.is_nan(), "SQLite stores NaN as NULL")]
    if kind.is_temporal:
        return [(beyond_years(column, kind), "SQLite's dates end with the year 9999")]
    lost = lost_in_json(column) if kind.kind in ("list", "struct") else None
    return [] if lost is None else [(lost, NO_NUMBER)]


def _stored(column: pl.Series, kind: LogicalType) -> pl.Series:
    form = _FORMS.get(kind.kind)
    return form(column, kind) if form is not None else column


def _decimal(column: pl.Series, kind: LogicalType) -> pl.Series:
    short = (kind.precision or 38) <= EXACT_DIGITS
    return column.cast(pl.Float64 if short else pl.String)


def _timestamp(column: pl.Series, kind: LogicalType) -> pl.Series:
    digits = _FRACTION[kind.unit or "us"]
    if kind.zone is None:
        return column.dt.strftime(f"%Y-%m-%d %H:%M:%S%.{digits}f")
    utc = column.dt.convert_time_zone("UTC")
    return utc.dt.strftime(f"%Y-%m-%d %H:%M:%S%.{digits}f+00:00")


_FORMS: dict[str, Callable[[pl.Series, LogicalType], pl.Series]] = {
    "uint64": lambda column, kind: column.cast(pl.String),
    "float32": lambda column, kind: column.cast(pl.Float64),
    "decimal": _decimal,
    "date": lambda column, kind: column.dt.strftime("%Y-%m-%d"),
    "time": lambda column, kind: column.dt.strftime("%H:%M:%S%.9f"),
    "timestamp": _timestamp,
    "duration": lambda column, kind: column.to_physical(),
    "list": lambda column, kind: as_json(column),
    "struct": lambda column, kind: as_json(column),
    "null": lambda column, kind: column.cast(pl.String),
}

"""Batches as SQLite is to store them: the type table's write side, a column at a time.

Every value comes back as it was from the declared type that `types.ddl` gives; what SQLite cannot
hold (NaN, a year of five digits) is an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from hygge.core.errors import BadValue, UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.sql.nested import as_json, has_bytes, lost_in_json
from hygge.sql.rows import row_of
from hygge.sql.sqlite.types import EXACT_DIGITS

_FIRST, _LAST = -719_528, 2_932_896  # days from 1970-01-01 to 0000-01-01 and 9999-12-31
_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
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
    columns = []
    for at, field in enumerate(fields):
        column = batch[field.name]
        bad = _unfit(column, field.type)
        if bad is not None and bad.any():
            row = int(bad.arg_true()[0])
            raise BadValue(
                entity=entity, column=field.name, row=row_of(batch, fields.keys, row, offset),
                value=_shown(column.slice(row, 1)),
                declared=f"{field.type} in SQLite", hint=_why(field),
            )  # fmt: skip
        columns.append(_stored(column, field.type).alias(f"c{at}"))
    return pl.DataFrame(columns)


def _shown(value: pl.Series) -> str:
    if value.dtype.is_nested():
        return str(value.to_list()[0])
    return str(value.cast(pl.String, strict=False)[0])


def _why(field: Field) -> str:
    if field.type.is_temporal:
        return "SQLite's dates end with the year 9999"
    return "SQLite stores NaN as NULL (and JSON has neither it nor infinity): make it NULL yourself"


def _unfit(column: pl.Series, kind: LogicalType) -> pl.Series | None:
    """True for values that SQLite would lose; None where there can be none."""
    if column.dtype.is_float():
        return column.is_nan()
    if kind.kind == "date":
        return ~column.to_physical().is_between(_FIRST, _LAST)
    if kind.kind == "timestamp" and kind.unit != "ns":
        day = _DAY[kind.unit or "us"]
        return ~column.to_physical().is_between(_FIRST * day, (_LAST + 1) * day - 1)
    if kind.kind in ("list", "struct"):
        return lost_in_json(column)
    return None


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

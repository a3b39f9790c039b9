"""Batches as PostgreSQL is to have them: a column at a time, and what it cannot hold."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from hygge.core.fields import Field, Schema
from hygge.core.sift import refuse
from hygge.sql.nested import as_json, not_json
from hygge.sql.postgres.types import ddl

# The Julian day 0 is the first of dates and moments; dates end before 5874898-01-01, and moments
# after the last that 64 bits of microseconds hold:
# https://github.com/postgres/postgres/blob/master/src/include/datatype/timestamp.h
_FIRST, _LAST = -2_440_588, 2_145_042_905
_DAY_US = 86_400_000_000
_LAST_MS = (2**63 - 1) // 1000


def encoded(batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int) -> pl.DataFrame:
    """The batch in types that the driver has.

    Raises BadValue for what would be cut or taken for another value on the way: a time finer than
    microseconds, a date out of range. Text with a NUL is left to the server, which refuses it.
    """
    refuse(batch, fields, _altered, entity=entity, offset=offset)
    return pl.DataFrame([_encoded(column, f) for column, f in zip(batch, fields, strict=True)])


def unheld(column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
    """See `core.sift.Unheld`."""
    why = "PostgreSQL's text cannot hold the character NUL"
    if column.dtype == pl.String:
        return [(column.str.contains("\0", literal=True), why), *not_json(column, field)]
    if column.dtype == pl.List(pl.String) and ddl(field.type) != "json":
        inner = pl.element().str.contains("\0", literal=True)
        return [(column.list.eval(inner).list.any(), why)]
    return _altered(column, field)


def _altered(column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
    kind = field.type
    if kind.kind == "time":
        return [(column.cast(pl.Int64) % 1000 != 0, "PostgreSQL has microseconds")]
    numbers = column.to_physical() if kind.is_temporal else column
    why = "PostgreSQL has no such dates"
    if kind.kind == "date":
        return [(~numbers.is_between(_FIRST, _LAST), why)]
    if kind.kind == "timestamp" and kind.unit == "ms":
        return [(~numbers.is_between(_FIRST * _DAY_US // 1000, _LAST_MS), why)]
    if kind.kind == "timestamp":
        return [(numbers < _FIRST * _DAY_US, why)]
    return ()


def _encoded(column: pl.Series, field: Field) -> pl.Series:
    kind = field.type.kind
    if kind in ("int8", "uint8"):
        return column.cast(pl.Int16)
    if kind == "uint16":
        return column.cast(pl.Int32)
    if kind == "uint32":
        return column.cast(pl.Int64)
    if kind == "null":
        return column.cast(pl.String)
    if field.type.unit == "ms":
        return column.dt.cast_time_unit("us")
    if kind == "uuid":
        return column.str.replace_all("-", "", literal=True).str.decode("hex")
    if kind in ("list", "struct") and ddl(field.type) == "json":
        return as_json(column).alias(column.name)
    if kind == "list" and field.type.inner[0].type.kind == "int8":
        return column.cast(pl.List(pl.Int16))
    return column

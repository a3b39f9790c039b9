"""What logical types become in a database that SQLAlchemy reaches: the type that is declared, and
the form in which values are given."""

from __future__ import annotations

from typing import Any

import polars as pl
import sqlalchemy as sa

from hygge.core.errors import UnsupportedError
from hygge.core.fields import LogicalType
from hygge.sql.nested import as_json, has_bytes

SHORT = 255
"""How long a text may be that every database has a type for, and a key."""
_PLAIN: dict[str, Any] = {
    "bool": sa.Boolean(), "int8": sa.SmallInteger(), "int16": sa.SmallInteger(),
    "int32": sa.Integer(), "int64": sa.BigInteger(), "uint8": sa.SmallInteger(),
    "uint16": sa.Integer(), "uint32": sa.BigInteger(), "uint64": sa.Numeric(20, 0),
    "float32": sa.Double(), "float64": sa.Double(), "date": sa.Date(), "time": sa.Time(),
    "json": sa.Text(),
    "uuid": sa.String(36), "null": sa.Text(), "duration": sa.BigInteger(),
}  # fmt: skip


def declared(kind: LogicalType, theirs: sa.Dialect) -> str:
    """The declared type for a logical one, as SQLAlchemy writes it for a database."""
    if kind.kind == "decimal":
        found: Any = sa.Numeric(kind.precision or 38, kind.scale or 0)
    elif kind.kind in ("string", "binary"):
        short = kind.length if kind.length and kind.length <= SHORT else None
        text = sa.String(short) if short else sa.Text()
        found = text if kind.kind == "string" else sa.LargeBinary(short)
    elif kind.kind == "timestamp" and kind.unit != "ns":
        found = sa.DateTime(timezone=kind.zone is not None)
    elif kind.kind in ("list", "struct") and not has_bytes(kind):
        found = sa.Text()
    elif kind.kind in _PLAIN:
        found = _PLAIN[kind.kind]
    else:
        raise UnsupportedError(
            f"hygge has no form for {kind} through SQLAlchemy", hint="`cast` it, or leave it out"
        )
    return str(found.compile(dialect=theirs))


def encoded(column: pl.Series, kind: LogicalType) -> pl.Series:
    """A column's values as the driver is given them."""
    if kind.kind in ("list", "struct"):
        return as_json(column).alias(column.name)
    if kind.kind == "duration":
        return column.dt.total_microseconds()
    return column.cast(pl.String) if kind.kind == "null" else column

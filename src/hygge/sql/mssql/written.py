"""How values lie in SQL Server: the declared types, and columns as they are sent.

https://learn.microsoft.com/sql/t-sql/data-types/data-types-transact-sql
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from hygge.core.errors import UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.sift import refuse
from hygge.sql.nested import as_json

_DDL = {
    "bool": "bit", "int8": "smallint", "int16": "smallint", "int32": "int", "int64": "bigint",
    "uint8": "tinyint", "uint16": "int", "uint32": "bigint", "uint64": "decimal(20,0)",
    "float32": "real", "float64": "float", "date": "date", "time": "time(7)",
    "string": "nvarchar(max)", "binary": "varbinary(max)", "json": "nvarchar(max)",
    "uuid": "uniqueidentifier", "list": "nvarchar(max)", "struct": "nvarchar(max)",
    "null": "nvarchar(max)",
}  # fmt: skip
_DIGITS = {"ms": 3, "us": 6, "ns": 7}
LONGEST = 4_000
"""Units of UTF-16 that a text of declared length may have; a character has one or two."""
KEY_BYTES = 900
"""Bytes that the key of a clustered index may have:
https://learn.microsoft.com/sql/sql-server/maximum-capacity-specifications-for-sql-server"""
_IN_KEYS = {
    "nvarchar(max)": f"nvarchar({KEY_BYTES // 2})",
    "varbinary(max)": f"varbinary({KEY_BYTES})",
}
TEXTS = ("string", "json", "list", "struct", "null")
"""The kinds that are written as text."""
BINARY_ORDER = "Latin1_General_100_BIN2"
"""A collation that compares texts by their characters' numbers."""


def ddl(kind: LogicalType, *, key: bool = False) -> str:
    """The declared type for a logical one, as a column of a key if it is one.

    Raises UnsupportedError for one that SQL Server cannot hold.
    """
    if kind.kind == "decimal":
        return f"decimal({kind.precision},{kind.scale})"
    if kind.kind == "timestamp":
        digits = _DIGITS[kind.unit or "us"]
        return f"{'datetimeoffset' if kind.zone else 'datetime2'}({digits})"
    if kind.kind == "duration":
        raise UnsupportedError(
            f"SQL Server has no form for {kind}: it has no spans of time",
            hint="`cast` the column, e.g. to int64 or string",
        )
    found = _DDL[kind.kind]
    if kind.kind == "string" and kind.length and 2 * kind.length <= LONGEST:
        found = f"nvarchar({2 * kind.length})"
    return _IN_KEYS.get(found, found) if key else found


def exact(column: str, kind: LogicalType) -> Sequence[str]:
    """See `Dialect.exact`: the collations of most databases take upper and lower case for the same,
    and all of them, and binary values, a longer value for a shorter one that it fills up."""
    if kind.kind in TEXTS:
        return (column, f"{column} COLLATE {BINARY_ORDER}", f"DATALENGTH({column})")
    return (column, f"DATALENGTH({column})") if kind.kind == "binary" else (column,)


def encoded(
    batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
) -> pl.DataFrame:  # fmt: skip
    """A batch in the types that bulk copy takes for these fields' columns.

    Raises BadValue for what SQL Server cannot hold: infinite numbers, times finer than 100 ns, a
    key that is NULL or too long.
    """
    refuse(batch, fields, unheld, entity=entity, offset=offset)
    return pl.DataFrame([_sent(c, f.type) for c, f in zip(batch, fields, strict=True)])


def unheld(column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
    """See `core.sift.Unheld`."""
    kind = field.type
    if kind.kind in ("float32", "float64"):
        return [(~column.is_finite(), "SQL Server's numbers are finite")]
    if kind.kind == "time" or kind.unit == "ns":
        return [(column.cast(pl.Int64) % 100 != 0, "SQL Server has steps of 100 ns")]
    if field.key and column.null_count():
        return [(column.is_null(), "a key is never NULL")]
    if field.key and ddl(kind) != ddl(kind, key=True):
        return [(_length(column) > KEY_BYTES, f"SQL Server's keys have {KEY_BYTES} bytes at most")]
    return []


def _length(column: pl.Series) -> pl.Series:
    """Bytes of texts, in UTF-16, or of binary values."""
    if column.dtype == pl.Binary:
        return column.bin.size()
    pairs = column.str.count_matches("[\U00010000-\U0010ffff]")
    return (column.str.len_chars() + pairs) * 2


def _sent(column: pl.Series, kind: LogicalType) -> pl.Series:
    if kind.kind in ("int8", "uint8"):
        return column.cast(pl.Int16)
    if kind.kind == "uint16":
        return column.cast(pl.Int32)
    if kind.kind == "uint32":
        return column.cast(pl.Int64)
    if kind.kind == "uint64":
        return column.cast(pl.Decimal(20, 0))
    if kind.kind == "null":
        return column.cast(pl.String)
    if kind.kind in ("list", "struct"):
        return as_json(column).alias(column.name)
    return column


def as_parameters(rows: pl.DataFrame) -> pl.DataFrame:
    """Encoded rows with times as text, where Python's or the driver's own would cut them."""
    cut: list[pl.Expr] = []
    for name, dtype in rows.schema.items():
        if dtype == pl.Time:
            cut.append(pl.col(name).dt.to_string("%H:%M:%S%.9f").str.slice(0, 16))
        elif isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns":
            moment = pl.col(name)
            if dtype.time_zone:
                moment = moment.dt.convert_time_zone("UTC")
            text = moment.dt.to_string("%Y-%m-%dT%H:%M:%S%.9f").str.slice(0, 27)
            cut.append(text + "+00:00" if dtype.time_zone else text)
    return rows.with_columns(cut)


def takes(there: str, coming: str) -> bool:
    """Whether a column of one declared type holds all values of another as they are."""
    if there == coming:
        return True
    held, given = _parts(there), _parts(coming)
    if held[0] == given[0] and held[0] in ("nvarchar", "varbinary", "datetime2", "datetimeoffset",
                                           "time"):  # fmt: skip
        return held[1] >= given[1]
    if held[0] in _WHOLE:
        if given[0] in _WHOLE:
            return _WHOLE.index(given[0]) <= _WHOLE.index(held[0])
        return given[0] in _DECIMAL and not given[2] and given[1] <= _ROOM.get(held[0], -1)
    if held[0] in _DECIMAL:
        digits, points = (
            (_NEEDS[given[0]], 0) if given[0] in _WHOLE else (given[1] - given[2], given[2])
        )
        known = given[0] in (*_WHOLE, *_DECIMAL)
        return known and digits <= held[1] - held[2] and points <= held[2]
    return (held[0], given[0]) == ("float", "real")


_MAX = 1 << 31


def _parts(text: str) -> tuple[str, int, int]:
    name, _, rest = text.partition("(")
    numbers = [_MAX if part == "max" else int(part) for part in rest.rstrip(")").split(",") if part]
    first, second, *_ = *numbers, 0, 0
    return name, first, second


_WHOLE = ("tinyint", "smallint", "int", "bigint")
_DECIMAL = ("decimal", "numeric")
_NEEDS = dict(zip(_WHOLE, (3, 5, 10, 19), strict=True))
"""Digits that a decimal needs for all of a type's values."""
_ROOM = dict(zip(_WHOLE[1:], (4, 9, 18), strict=True))
"""Digits of which a type holds every number, of either sign."""


ROWS_A_STATEMENT = 1_000
"""https://learn.microsoft.com/sql/t-sql/queries/table-value-constructor-transact-sql"""
CHARACTERS_A_STATEMENT = 1 << 20


def statements(rows: pl.DataFrame) -> Iterator[str]:
    """Encoded rows as what stands after VALUES, in pieces that a statement may have.

    All that is not binary is text, which the server makes the column's type: numbers that stand
    beside each other as such would first become one type for all, with fewer digits maybe.
    """
    for piece in rows.iter_slices(ROWS_A_STATEMENT):
        texts = pl.DataFrame(
            [_literal(piece[column.name].dtype, column) for column in as_parameters(piece)]
        )
        told = texts.select(pl.format("({})", pl.concat_str(pl.all(), separator=","))).to_series()
        number = (told.str.len_chars().cum_sum() // CHARACTERS_A_STATEMENT).alias("piece")
        for part in pl.DataFrame([told.alias("row"), number]).partition_by(
            "piece", maintain_order=True
        ):
            yield ",".join(part["row"])


def _literal(dtype: pl.DataType, column: pl.Series) -> pl.Series:
    """A column, of this type before its times became text, as literals."""
    kind = "nvarchar(1)"
    if dtype == pl.Binary:
        kind, said = "varbinary(1)", "0x" + column.bin.encode("hex")
    else:
        said = "N'" + _text(column).str.replace_all("'", "''", literal=True) + "'"
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:  # which Babelfish wants to be told
        kind = "datetimeoffset(7)"
        said = "CAST(" + said + f" AS {kind})"
    # Without a value beside it, NULL alone would be an int.
    null = "NULL" if column.null_count() < len(column) else f"CAST(NULL AS {kind})"
    return said.fill_null(null).alias(column.name)


def _text(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column.cast(pl.Int8).cast(pl.String)
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone:
            moment = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            return moment.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f") + "+00:00"
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
    return column.cast(pl.String)

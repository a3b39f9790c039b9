"""SQL Server's reviewed type table.

https://learn.microsoft.com/sql/t-sql/data-types/data-types-transact-sql
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from hygge.core.fields import LogicalType, parse_type
from hygge.core.watermark import Position
from hygge.sql.dialect import Declared, Dialect, TypeRule, declared, literal
from hygge.sql.mssql.written import ddl, exact
from hygge.sql.relation import Column

Precision = Literal["us", "ns", "text"]
"""How `datetime2(7)` is read; see `column_of`."""

_CUT = "the seventh digit, of 100 ns, is cut off; see `datetime_precision`"
OFFSET_LOSS = "the instant is kept, the offset is not"
VARIANT_LOSS = "which type each value has; see `variant_types`"
_STYLE = "CONVERT(nvarchar({}), {{}}, {})"
MOMENT_TEXT, BINARY_TEXT = _STYLE.format(40, 121), _STYLE.format("max", 1)
FLOAT_TEXT = "LTRIM(RTRIM(CONVERT(nvarchar(40), {}, 3)))"
MONEY_TEXT = "CAST(CAST({} AS decimal(19,4)) AS nvarchar(40))"
OTHER_TEXT = "CAST({} AS nvarchar(max))"
"""Texts that have all digits (CONVERT's styles; 3 for floats is known to SQL Server 2016 on):
https://learn.microsoft.com/sql/t-sql/functions/cast-and-convert-transact-sql"""
_TEXTS = {
    **dict.fromkeys(("DATE", "TIME", "DATETIME", "SMALLDATETIME", "DATETIME2", "DATETIMEOFFSET"),
                    MOMENT_TEXT),
    **dict.fromkeys(("REAL", "FLOAT"), FLOAT_TEXT),
    **dict.fromkeys(("MONEY", "SMALLMONEY"), MONEY_TEXT),
    **dict.fromkeys(("BINARY", "VARBINARY", "TIMESTAMP", "ROWVERSION"), BINARY_TEXT),
    "IMAGE": "CONVERT(nvarchar(max), CAST({} AS varbinary(max)), 1)",
}  # fmt: skip
BASE_TYPE = "CAST(SQL_VARIANT_PROPERTY({}, 'BaseType') AS nvarchar(128))"
VARIANT_TEXT = (
    f"CASE {BASE_TYPE} "
    f"WHEN N'float' THEN LTRIM(RTRIM(CONVERT(nvarchar(40), CAST({{}} AS float), 3))) "
    f"WHEN N'real' THEN LTRIM(RTRIM(CONVERT(nvarchar(40), CAST({{}} AS real), 3))) "
    f"WHEN N'money' THEN {MONEY_TEXT} WHEN N'smallmoney' THEN {MONEY_TEXT} "
    f"WHEN N'binary' THEN CONVERT(nvarchar(max), CAST({{}} AS varbinary(8000)), 1) "
    f"WHEN N'varbinary' THEN CONVERT(nvarchar(max), CAST({{}} AS varbinary(8000)), 1) "
    f"WHEN N'datetime' THEN CONVERT(nvarchar(40), CAST({{}} AS datetime), 121) "
    f"WHEN N'smalldatetime' THEN CONVERT(nvarchar(40), CAST({{}} AS smalldatetime), 121) "
    f"ELSE CAST({{}} AS nvarchar(max)) END"
)
"""A sql_variant as text without loss: the plain cast has six digits of a float, and no seconds of a
datetime."""


def _rule(native: str, logical: str, stored: str = "as it is", loss: str = "", *, fetch: str = "",
          build: Callable[[Declared], LogicalType | None] | None = None) -> TypeRule:  # fmt: skip
    if build is None:
        kind = parse_type(logical)
        return TypeRule(tuple(native.split(", ")), logical, lambda _: kind, stored, loss, fetch)
    return TypeRule(tuple(native.split(", ")), logical, build, stored, loss, fetch)


def _decimal(kind: Declared) -> LogicalType:
    precision, scale = (*kind.arguments, 0)[:2] if kind.arguments else (18, 0)
    return LogicalType("decimal", precision=precision, scale=scale)


def _sized(kind: Declared) -> LogicalType | None:
    return LogicalType("string", length=kind.arguments[0]) if kind.arguments else None


def _digits(fits: Callable[[int], bool], logical: str) -> Callable[[Declared], LogicalType | None]:
    """Builds a type for times of so many digits; 7, where none are declared."""
    kind = parse_type(logical)
    return lambda d: kind if fits((*d.arguments, 7)[0]) else None


def _short(digits: int) -> bool:
    return digits < 7


def _any(_: int) -> bool:
    return True


_RULES = (
    _rule("BIT", "bool"),
    _rule("TINYINT", "uint8"),
    _rule("SMALLINT", "int16"),
    _rule("INT", "int32"),
    _rule("BIGINT", "int64"),
    _rule("DECIMAL, NUMERIC", "decimal(p,s)", build=_decimal),
    _rule("MONEY", "decimal(19,4)"),
    _rule("SMALLMONEY", "decimal(10,4)"),
    _rule("REAL", "float32"),
    _rule("FLOAT", "float64"),
    _rule("DATE", "date"),
    _rule("TIME", "time", "as it is, to 100 ns"),
    _rule("DATETIME", "timestamp(ms)", "to the millisecond, as SQL Server shows its 300ths of a "
          "second"),
    _rule("SMALLDATETIME", "timestamp(ms)"),
    _rule("DATETIME2", "timestamp(us)", "as it is, up to datetime2(6)",
          build=_digits(_short, "timestamp(us)")),
    _rule("DATETIME2", "timestamp(us)", "datetime2(7)", _CUT, build=_digits(_any, "timestamp(us)")),
    _rule("DATETIMEOFFSET", "timestamp(us, UTC)", "as UTC, up to datetimeoffset(6)", OFFSET_LOSS,
          build=_digits(_short, "timestamp(us, UTC)")),
    _rule("DATETIMEOFFSET", "timestamp(us, UTC)", "as UTC, datetimeoffset(7)",
          f"{OFFSET_LOSS}; the seventh digit, of 100 ns, is cut off",
          build=_digits(_any, "timestamp(us, UTC)")),
    _rule("CHAR, VARCHAR, NCHAR, NVARCHAR", "string(n)",
          "as it is, of whatever collation; CHAR and NCHAR padded with blanks", build=_sized),
    _rule("CHAR, VARCHAR, NCHAR, NVARCHAR, TEXT, NTEXT, SYSNAME", "string", "as it is"),
    _rule("XML", "string", "as SQL Server writes it, which is not as it was given"),
    _rule("JSON", "json", "as SQL Server writes it", fetch=OTHER_TEXT),
    _rule("BINARY, VARBINARY, IMAGE", "binary"),
    _rule("TIMESTAMP, ROWVERSION", "binary", "as its 8 bytes"),
    _rule("UNIQUEIDENTIFIER", "uuid", "in lower case"),
    _rule("SQL_VARIANT", "string", "as text, with all digits; bytes as 0x...",
          VARIANT_LOSS, fetch=VARIANT_TEXT),
    _rule("HIERARCHYID", "string", "as text: `/1/2/`", fetch="{}.ToString()"),
    _rule("GEOGRAPHY, GEOMETRY", "binary", "as WKB, with Z and M", "the SRID is not read",
          fetch="{}.AsBinaryZM()"),
)  # fmt: skip
_OTHER = _rule("any other", "string", "as text", fetch=OTHER_TEXT)
TYPE_TABLE = (*_RULES, _OTHER)


_FIRST, _LAST = datetime(1753, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 997000)
"""The ends of `datetime`."""
_MOST = Decimal("9" * 38)


def on_grid(value: datetime) -> datetime | None:
    """The first `datetime` that is shown as no less than a moment; None where there is none.

    A `datetime` is a number of 300ths of a second, shown in milliseconds that end in 0, 3 or 7.
    Any other literal would be rounded, so that `< 12.411` would leave out what is shown as 12.410.
    """
    milli = -(-value.microsecond // 1000)
    milli += (0, 2, 1, 0, 3, 2, 1, 0, 2, 1)[milli % 10]
    if value < _FIRST:
        return _FIRST
    whole = value.replace(microsecond=0)
    if milli > 997 and whole == _LAST.replace(microsecond=0):
        return None
    return whole + timedelta(milliseconds=milli)


def show(value: Position, kind: LogicalType) -> str:
    """A position as a literal that compares with a column of its type at the column's precision.

    A moment in milliseconds is a `datetime`: so is the column, and its index is then of use.
    """
    if isinstance(value, datetime):
        if kind.zone:
            text = value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
            return f"CAST('{text}+00:00' AS datetimeoffset(7))"
        if kind.unit == "ms":
            at = on_grid(value)
            if at is not None:
                return f"CAST('{at.isoformat(timespec='milliseconds')}' AS datetime)"
        return f"CAST('{value.isoformat(timespec='microseconds')}' AS datetime2(7))"
    if isinstance(value, date):
        return f"CAST('{value.isoformat()}' AS date)"
    if isinstance(value, Decimal):
        return format(min(max(value, _MOST.copy_negate()), _MOST), "f")
    if kind.kind in ("int64", "uint32") and -(2**63) <= value < 2**63:
        # From ten digits on a bare number is a decimal, which a bigint would be made one for.
        return f"CAST({value} AS bigint)"
    return str(value)


DIALECT = Dialect(
    "mssql", ("[", "]"), _RULES, ddl, show, national=True, top=True, counting="COUNT_BIG(*)",
    truths=("1", "0"), exact=exact,
)  # fmt: skip


def text_literal(text: str) -> str:
    """A text as a literal of Unicode."""
    return "N" + literal(text)


def native_of(name: str, length: int, precision: int, scale: int) -> str:
    """A type as people write it, from what `sys.columns` says.

    Parameters
    ----------
    name: the base type's name.
    length: bytes; -1 for (max).
    precision, scale: of numbers; the scale of times too.
    """
    if name in ("decimal", "numeric"):
        return f"{name}({precision},{scale})"
    if name in ("time", "datetime2", "datetimeoffset"):
        return f"{name}({scale})"
    if name in ("char", "varchar", "nchar", "nvarchar", "binary", "varbinary"):
        size = length // 2 if name.startswith("n") else length
        return f"{name}({'max' if length < 0 else size})"
    return name


def column_of(
    name: str, native: str, *, required: bool, key: int = 0, precision: Precision = "us"
) -> Column:
    """A column as the catalogue declares it.

    Parameters
    ----------
    native: the whole type, e.g. `nvarchar(50)`, `nvarchar(max)`.
    precision: how `datetime2(7)` is read: cut to microseconds, as nanoseconds (which end in the
        years 1677 and 2262), or as text.
    """
    kind = declared(native)
    kind = Declared(kind.text, kind.name, () if "max" in native else kind.arguments)
    rule, logical = DIALECT.rule(kind) or (_OTHER, parse_type("string"))
    quoted = DIALECT.quote(name)
    fetch, loss = rule.fetch.replace("{}", quoted), rule.loss
    if kind.name == "DATETIME2" and loss and precision != "us":
        logical = parse_type("timestamp(ns)" if precision == "ns" else "string")
        fetch, loss = MOMENT_TEXT.replace("{}", quoted), ""
    return Column(name, native, logical, fetch, required, key, loss)


def as_text(column: Column) -> str:
    """The expression that brings a column as text, with all its digits."""
    kind = declared(column.native)
    quoted = DIALECT.quote(column.name)
    return column.fetch if kind.name in ("SQL_VARIANT", "HIERARCHYID") else (
        _TEXTS.get(kind.name, OTHER_TEXT).replace("{}", quoted))  # fmt: skip

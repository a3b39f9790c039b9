"""What ODBC's types are read as, and what is lost on the way.

A driver's description of a result says less than the database knows, and some of it wrongly: it
has no unsigned numbers, no instants, and calls doubles of some drivers floats. So the catalogue,
where there is one, decides what a column is; and values travel so that what a description leaves
out is not lost: doubtful whole numbers and decimals as text, floats as doubles.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from hygge.core.errors import UnsupportedError
from hygge.core.fields import LogicalType, parse_type
from hygge.core.watermark import Position
from hygge.sql.dialect import Dialect, TypeRule, position_literal

UTC = "({} AT TIME ZONE 'UTC')"
DIGITS = "CAST({} AS {text}(255))"
"""How decimals are asked for: a driver's own text of them is cut where its buffer, of as many
digits as there are and two, has no room for the zero before the point of decimal(5,5)."""


def _rule(native: str, logical: str, stored: str, loss: str = "", fetch: str = "") -> TypeRule:
    kind = None if "(p" in logical else parse_type(logical)
    return TypeRule(tuple(native.split(", ")), logical, lambda _: kind, stored, loss, fetch)


CATALOGUED = (
    _rule("BOOLEAN, BOOL", "bool", "as 0 and 1"),
    _rule("TINYINT UNSIGNED", "uint8", "as int64"),
    _rule("SMALLINT UNSIGNED", "uint16", "as int64"),
    _rule("MEDIUMINT UNSIGNED, INT UNSIGNED, INTEGER UNSIGNED", "uint32", "as int64"),
    _rule("BIGINT UNSIGNED", "uint64", "as text"),
    _rule("REAL, FLOAT4", "float32", "as it is"),
    _rule("DOUBLE, DOUBLE PRECISION, FLOAT8", "float64", "as a double"),
    _rule("NUMERIC, DECIMAL", "decimal(p,s)", "as text",
          "without a precision of at most 38 it must be declared"),
    _rule("TIMESTAMP WITH TIME ZONE, TIMESTAMPTZ", "timestamp(us, UTC)", "as UTC's wall clock",
          fetch=UTC),
    _rule("UUID, UNIQUEIDENTIFIER", "uuid", "as text"),
    _rule("JSON, JSONB", "json", "as text"),
    _rule("SMALLINT", "int16", "as int64"),
    _rule("MEDIUMINT, INT, INTEGER", "int32", "as int64"),
    _rule("BIGINT", "int64", "as it is"),
    _rule("DATE", "date", "as it is", "MySQL's zero dates are NULL to its driver"),
    _rule("CHAR, CHARACTER, NCHAR, VARCHAR, CHARACTER VARYING, NVARCHAR, TEXT, NTEXT, LONGTEXT",
          "string", "as text"),
)  # fmt: skip
"""What INFORMATION_SCHEMA calls a column."""

DESCRIBED = (
    _rule("SQL_BIT", "bool", "as it is"),
    TypeRule(("SQL_TINYINT",), "int8, or uint8", lambda _: None, "as int64"),
    _rule("SQL_SMALLINT", "int16", "as int64", "an unsigned one that does not fit is an error"),
    _rule("SQL_INTEGER", "int32", "as int64", "an unsigned one that does not fit is an error"),
    _rule("SQL_BIGINT", "int64", "as text", "an unsigned one that does not fit is an error"),
    _rule("SQL_REAL, SQL_FLOAT, SQL_DOUBLE", "float64", "as a double"),
    _rule("SQL_NUMERIC, SQL_DECIMAL", "decimal(p,s)", "as text",
          "a number that does not fit what the driver makes up for a free one is an error"),
    _rule("SQL_TYPE_DATE", "date", "as it is", "MySQL's zero dates are NULL to its driver"),
    _rule("SQL_TYPE_TIME, SQL_TIME", "time", "as it is", "a driver may leave fractions out"),
    _rule("SQL_TYPE_TIMESTAMP", "timestamp(us)", "as it is",
          "that it is an instant is not told: it is the wall clock of the session's zone"),
    _rule("SQL_GUID", "uuid", "as text"),
    _rule("SQL_BINARY, SQL_VARBINARY, SQL_LONGVARBINARY", "binary", "as it is"),
    _rule("SQL_CHAR, SQL_VARCHAR, SQL_LONGVARCHAR, any other", "string", "as text"),
)  # fmt: skip
"""What a driver calls a result's column: for queries, and where there is no catalogue."""

TYPE_TABLE = (*CATALOGUED, *DESCRIBED)
_BY_NAME = {name: rule for rule in CATALOGUED for name in rule.native}


@dataclass(frozen=True, slots=True)
class Known:
    """A column's logical type, None where it must be declared, how it is asked for, the loss."""

    type: LogicalType | None
    fetch: str = ""
    loss: str = ""

    def sql(self, name: str, *, mysql: bool) -> str:
        """The expression that brings a column of a quoted name; "" for the name alone."""
        text = "CHAR" if mysql else "VARCHAR"  # MySQL's CAST knows no VARCHAR, and does not pad
        return self.fetch.format(name, text=text) if self.fetch else ""


def catalogued(
    native: str, precision: int | None, scale: int | None, driver: pa.DataType | None
) -> Known:
    """What a column of a table is.

    Parameters
    ----------
    native: its type, upper case, without arguments: `BIGINT UNSIGNED`.
    precision, scale: as the catalogue has them.
    driver: what the driver makes of it; None where it was not asked.
    """
    if native == "FLOAT":  # one word for both: MySQL's has 12 digits, SQL Server's 24 or 53 bits
        return Known(parse_type("float32" if precision is not None and precision <= 24 else
                                "float64"))  # fmt: skip
    if native in ("NUMERIC", "DECIMAL"):
        return Known(_decimal(precision, scale), DIGITS)
    rule = _BY_NAME.get(native)
    if rule is None:
        return Known(None) if driver is None else described(driver)
    return Known(parse_type(rule.logical), rule.fetch, rule.loss)


def described(driver: pa.DataType) -> Known:
    """What a result's column is, by the driver's word alone."""
    if pa.types.is_decimal(driver):
        return Known(_decimal(driver.precision, driver.scale), DIGITS)
    if pa.types.is_floating(driver):
        return Known(parse_type("float64"))
    if pa.types.is_timestamp(driver):
        loss = "the zone, if it is an instant: it comes as a wall clock"
        unit = "us" if driver.unit == "s" else driver.unit
        return Known(parse_type(f"timestamp({unit})"), loss=loss)
    for holds, text in _PLAIN:
        if holds(driver):
            return Known(parse_type(text))
    if pa.types.is_integer(driver):
        return Known(parse_type(str(driver)))
    return Known(None)


_PLAIN = (
    (pa.types.is_boolean, "bool"), (pa.types.is_date, "date"), (pa.types.is_time, "time"),
    (pa.types.is_string, "string"), (pa.types.is_large_string, "string"),
    (pa.types.is_binary, "binary"), (pa.types.is_large_binary, "binary"),
    (pa.types.is_fixed_size_binary, "binary"),
)  # fmt: skip


def _decimal(precision: int | None, scale: int | None) -> LogicalType | None:
    if precision is None or not 1 <= precision <= 38 or not 0 <= (scale or 0) <= precision:
        return None
    return LogicalType("decimal", precision=precision, scale=scale or 0)


def carrier(driver: pa.DataType, kind: LogicalType | None = None) -> pa.DataType:
    """The Arrow type in which nothing of a column's values is lost.

    Parameters
    ----------
    driver: what the driver says it is.
    kind: what the catalogue says; None where only the driver is known.
    """
    if pa.types.is_floating(driver):
        return pa.float32() if kind is not None and kind.kind == "float32" else pa.float64()
    if pa.types.is_decimal(driver):
        return pa.string()
    if pa.types.is_integer(driver):
        wide = driver.bit_width == 64 and (kind is None or kind.kind != "int64")
        return pa.string() if wide else pa.int64()
    # A bound buffer of a fixed width ends the process where a driver gives fewer bytes.
    return pa.binary() if pa.types.is_fixed_size_binary(driver) else driver


def show(value: Position, kind: LogicalType) -> str:
    """A position as ODBC's escape sequences, which every driver translates.

    https://learn.microsoft.com/sql/odbc/reference/develop-app/date-time-and-timestamp-literals
    """
    text = position_literal(value, kind)
    if kind.kind == "date":
        return f"{{d {text.removeprefix('DATE ')}}}"
    if kind.kind == "timestamp" and kind.zone is None:
        return f"{{ts {text.removeprefix('TIMESTAMP ')}}}"
    return text


def _ddl(kind: LogicalType) -> str:
    raise UnsupportedError(f"ODBC's databases are read, not written: no form for {kind}")


def dialect_of(quotes: tuple[str, str]) -> Dialect:
    """The dialect of a database whose names are quoted so."""
    return Dialect("odbc", quotes, CATALOGUED, _ddl, show, escapes=quotes[0] == "`")

"""Oracle's reviewed type table.

https://docs.oracle.com/en/database/oracle/oracle-database/23/sqlrf/Data-Types.html; what the driver
makes of them: python-oracledb's user guide, "Data Frame Type Mapping".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from hygge.core.errors import UnsupportedError
from hygge.core.fields import LogicalType, parse_type
from hygge.core.watermark import Position
from hygge.sql.dialect import Dialect, TypeRule, position_literal

# A free number has up to 40 digits: text has them all, whatever the session's decimal point.
DIGITS = "TO_CHAR({}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')"
UTC = "SYS_EXTRACT_UTC(CAST({} AS TIMESTAMP(9) WITH TIME ZONE))"
FREE = -127
"""The scale that the driver gives to a number without one, and to FLOAT."""


def _rule(native: str, logical: str, stored: str = "as it is", loss: str = "", *,
          fetch: str = "") -> TypeRule:  # fmt: skip
    kind = None if logical in ("declared", "decimal(p,s)") else parse_type(logical)
    return TypeRule(tuple(native.split(", ")), logical, lambda _: kind, stored, loss, fetch)


_TEXT = "as text"
_RULES = (
    _rule("NUMBER(p,0) to 18 digits, INTEGER of those", "int64"),
    _rule("NUMBER(p,s), NUMBER(*,0)", "decimal(p,s)", loss="NUMBER(*,0) of 39 digits is an error"),
    _rule("NUMBER", "declared", _TEXT, "without precision and scale it must be declared",
          fetch=DIGITS),
    _rule("FLOAT", "float64", loss="digits past the 15th: FLOAT has up to 38 decimal ones"),
    _rule("BINARY_FLOAT", "float32"),
    _rule("BINARY_DOUBLE", "float64"),
    _rule("BOOLEAN", "bool"),
    _rule("DATE", "timestamp(us)", loss="years before 1 are errors"),
    _rule("TIMESTAMP", "timestamp(us)",
          loss="digits past microseconds; `timestamp(ns)` can be declared"),
    _rule("TIMESTAMP WITH TIME ZONE, TIMESTAMP WITH LOCAL TIME ZONE", "timestamp(us, UTC)",
          "as UTC's wall clock", "the zone itself; digits past microseconds", fetch=UTC),
    _rule("INTERVAL DAY TO SECOND, INTERVAL YEAR TO MONTH", "string", _TEXT, fetch="TO_CHAR({})"),
    _rule("CHAR, NCHAR, VARCHAR2, NVARCHAR2, VARCHAR, CLOB, NCLOB, LONG", "string"),
    _rule("RAW, BLOB, LONG RAW", "binary"),
    _rule("ROWID, UROWID", "string", _TEXT, fetch="CAST({} AS VARCHAR2(4000))"),
    _rule("JSON", "json", _TEXT, fetch="JSON_SERIALIZE({} RETURNING CLOB)"),
    _rule("XMLTYPE", "string", _TEXT, fetch="XMLSERIALIZE(CONTENT {} AS CLOB)"),
    _rule("VECTOR", "json", _TEXT, fetch="VECTOR_SERIALIZE({} RETURNING CLOB)"),
)  # fmt: skip
TYPE_TABLE = _RULES
_BY_NAME = {name: rule for rule in _RULES for name in rule.native}


@dataclass(frozen=True, slots=True)
class Known:
    """What a column's type means.

    Parameters
    ----------
    type: the logical type; None where it must be declared.
    fetch: the expression that brings it, with `{}` for its quoted name; "" for that alone.
    text: whether that expression is text.
    loss: what is lost.
    """

    type: LogicalType | None
    fetch: str = ""
    text: bool = False
    loss: str = ""


def known(name: str, precision: int | None, scale: int | None) -> Known:
    """What a type means.

    Parameters
    ----------
    name: without arguments: `TIMESTAMP WITH TIME ZONE`.
    precision, scale: of a NUMBER; None, as the catalogue has it, where there is none.
    """
    if name == "NUMBER" and (precision is not None or scale is not None):
        return Known(_number(precision, scale))
    rule = _BY_NAME.get(name)
    if rule is None:
        return Known(None)
    kind = None if rule.logical == "declared" else parse_type(rule.logical)
    return Known(kind, rule.fetch, rule.stored == _TEXT, rule.loss)


def _number(precision: int | None, scale: int | None) -> LogicalType | None:
    digits, places = precision or 38, scale or 0
    if places < 0:  # NUMBER(3,-2) holds 99900
        digits, places = digits - places, 0
    digits = max(digits, places)  # NUMBER(2,5) holds 0.00099
    if digits > 38:
        return None
    if places == 0 and digits <= 18:
        return parse_type("int64")
    return LogicalType("decimal", precision=digits, scale=places)


def described(code: str, precision: int | None, scale: int | None) -> tuple[str, int | None, int]:
    """Name, precision and scale of a query's column, from what the driver says of it.

    Parameters
    ----------
    code: the name of its type code, e.g. `DB_TYPE_NUMBER`.
    precision, scale: 0 and -127 for a NUMBER without any; for timestamps, the scale is that of
        seconds.
    """
    name = _CODES.get(code, code.removeprefix("DB_TYPE_"))
    if name == "NUMBER" and scale == FREE:
        return ("FLOAT" if precision else "NUMBER"), None, 0
    return name, precision or None, scale or 0


_CODES = {
    "DB_TYPE_VARCHAR": "VARCHAR2", "DB_TYPE_NVARCHAR": "NVARCHAR2",
    "DB_TYPE_TIMESTAMP_TZ": "TIMESTAMP WITH TIME ZONE",
    "DB_TYPE_TIMESTAMP_LTZ": "TIMESTAMP WITH LOCAL TIME ZONE",
    "DB_TYPE_INTERVAL_DS": "INTERVAL DAY TO SECOND",
    "DB_TYPE_INTERVAL_YM": "INTERVAL YEAR TO MONTH",
    "DB_TYPE_LONG_RAW": "LONG RAW", "DB_TYPE_BINARY_INTEGER": "BINARY_INTEGER",
}  # fmt: skip


def carrier(found: Known, declared: LogicalType) -> pa.DataType:
    """The Arrow type to ask the driver for.

    Parameters
    ----------
    found: what the table says of the column.
    declared: the type of its field, which the configuration may have changed.
    """
    kind = found.type
    if found.text or kind is None:
        return pa.large_string()
    if kind.kind == "timestamp":
        finer = declared.unit if declared.kind == "timestamp" else kind.unit
        return pa.timestamp(finer or "us")
    if kind.kind == "decimal":
        return pa.decimal128(kind.precision or 38, kind.scale or 0)
    return _CARRIERS[kind.kind]


_CARRIERS = {
    "int64": pa.int64(), "float32": pa.float32(), "float64": pa.float64(), "bool": pa.bool_(),
    "string": pa.large_string(), "json": pa.large_string(), "binary": pa.large_binary(),
}  # fmt: skip


def show(value: Position, kind: LogicalType) -> str:
    """A position as a literal; a date is one with a time in Oracle."""
    if isinstance(value, datetime) and kind.zone:
        text = value.isoformat(sep=" ", timespec="microseconds")
        return f"TIMESTAMP '{text[:-6]} {text[-6:]}'"
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"DATE '{value.isoformat()}'"
    return position_literal(value, kind)


def _ddl(kind: LogicalType) -> str:
    raise UnsupportedError(f"Oracle has no form for {kind}")


DIALECT = Dialect("oracle", ('"', '"'), _RULES, _ddl, show)

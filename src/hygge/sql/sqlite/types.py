"""SQLite's reviewed type table: declared type to Field, and Field to declared type.

SQLite enforces nothing (https://sqlite.org/datatype3.html): a declared type only gives a column an
affinity, and any value may lie anywhere. Here the declaration is the contract that every value is
held to. Widths of integers (`SMALLINT`) and lengths of texts (`VARCHAR(20)`) are not part of it,
since no SQLite column keeps to them; a Field's `origin` still shows them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

from hygge.core.errors import UnsupportedError
from hygge.core.fields import INTEGERS, MAX_PRECISION, LogicalType, parse_type
from hygge.core.watermark import Position
from hygge.sql.dialect import Declared, Dialect, TypeRule, declared, literal

Affinity = Literal["INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC"]

EXACT_DIGITS = 15
"""Decimal digits that every IEEE 754 double keeps (DBL_DIG): up to here a REAL holds a decimal."""


def affinity(text: str) -> Affinity:
    """The affinity of a declared type: https://sqlite.org/datatype3.html, section 3.1."""
    upper = text.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(part in upper for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in upper or not upper:
        return "BLOB"
    if any(part in upper for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def _plain(text: str) -> Callable[[Declared], LogicalType]:
    kind = parse_type(text)
    return lambda declared: kind


def _decimal(declared: Declared) -> LogicalType | None:
    precision, scale = (*declared.arguments, 0, 0)[:2]
    if not 1 <= precision <= MAX_PRECISION or not 0 <= scale <= precision:
        return None
    return LogicalType("decimal", precision=precision, scale=scale)


def _timestamp(zone: str | None) -> Callable[[Declared], LogicalType]:
    def build(declared: Declared) -> LogicalType:
        fine = bool(declared.arguments) and declared.arguments[0] > 6
        return LogicalType("timestamp", unit="ns" if fine else "us", zone=zone)

    return build


_ISO = "TEXT, ISO 8601"
_RULES = (
    TypeRule(("BOOLEAN", "BOOL", "BIT"), "bool", _plain("bool"), "INTEGER, 0 or 1"),
    *(
        TypeRule((f"{u.upper()}INT_{bits}",), f"{u}int{bits}", _plain(f"{u}int{bits}"), "INTEGER")
        for u in ("", "u")
        for bits in (8, 16, 32)
    ),
    TypeRule(("UNSIGNED_TEXT",), "uint64", _plain("uint64"), "TEXT: INTEGER ends at 2^63 - 1"),
    TypeRule(("FLOAT32",), "float32", _plain("float32"), "REAL", "-0.0 becomes 0.0"),
    TypeRule(
        ("NUMERIC", "DECIMAL", "DEC", "NUMBER", "DECIMAL_TEXT"), "decimal(p,s)", _decimal,
        f"REAL or INTEGER; DECIMAL_TEXT, for more than {EXACT_DIGITS} digits: TEXT",
    ),
    TypeRule(("MONEY",), "decimal(19,4)", _plain("decimal(19,4)"), "REAL or INTEGER"),
    TypeRule(("SMALLMONEY",), "decimal(10,4)", _plain("decimal(10,4)"), "REAL or INTEGER"),
    TypeRule(
        ("NUMERIC", "DECIMAL", "DEC", "NUMBER"), "float64", _plain("float64"),
        "without a precision: REAL or INTEGER; an integer that no double holds is an error",
    ),
    TypeRule(("DATE",), "date", _plain("date"), _ISO),
    TypeRule(
        ("TIME", "TIME WITHOUT TIME ZONE"), "time", _plain("time"), "TEXT, HH:MM:SS.fffffffff"
    ),
    TypeRule(
        (
            "DATETIME", "TIMESTAMP", "DATETIME2", "SMALLDATETIME", "TIMESTAMP WITHOUT TIME ZONE",
            "DATETIME WITHOUT TIME ZONE",
        ),
        "timestamp(us), or timestamp(ns) above 6 digits", _timestamp(None), _ISO,
    ),
    TypeRule(("TIMESTAMP_MS",), "timestamp(ms)", _plain("timestamp(ms)"), _ISO),
    TypeRule(("TIMESTAMP_NS",), "timestamp(ns)", _plain("timestamp(ns)"), _ISO),
    TypeRule(
        (
            "TIMESTAMPTZ", "DATETIMEOFFSET", "DATETIMETZ", "TIMESTAMP WITH TIME ZONE",
            "DATETIME WITH TIME ZONE",
        ),
        "timestamp(us, UTC), or timestamp(ns, UTC) above 6 digits", _timestamp("UTC"),
        "TEXT, ISO 8601 with Z or an offset",
    ),
    *(
        TypeRule((f"DURATION_{u.upper()}",), f"duration({u})", _plain(f"duration({u})"), "INTEGER")
        for u in ("ms", "us", "ns")
    ),
    TypeRule(("JSON", "JSONB", "JSON_TEXT"), "json", _plain("json"), "TEXT"),
    TypeRule(
        ("UUID", "GUID", "UNIQUEIDENTIFIER", "UUID_TEXT"), "uuid", _plain("uuid"), "TEXT"
    ),
    TypeRule(("STRING",), "string", _plain("string"), "TEXT"),
    TypeRule(
        ("BINARY", "VARBINARY", "BYTEA", "IMAGE", "RAW"), "binary", _plain("binary"), "BLOB"
    ),
    TypeRule(("VOID",), "null", _plain("null"), "NULL"),
)  # fmt: skip
_BY_AFFINITY = {
    "INTEGER": TypeRule(("... INT ...",), "int64", _plain("int64"), "INTEGER"),
    "TEXT": TypeRule(
        ("... CHAR ...", "... CLOB ...", "... TEXT ..."), "string", _plain("string"), "TEXT"
    ),
    "BLOB": TypeRule(("... BLOB ...",), "binary", _plain("binary"), "BLOB"),
    "REAL": TypeRule(
        ("... REAL ...", "... FLOA ...", "... DOUB ..."), "float64", _plain("float64"), "REAL",
        "-0.0 becomes 0.0",
    ),
}  # fmt: skip

_DDL: dict[str, str] = {
    "bool": "BOOLEAN", "int64": "INTEGER", "uint64": "UNSIGNED_TEXT", "float32": "FLOAT32",
    "float64": "DOUBLE", "date": "DATE", "time": "TIME", "json": "JSON_TEXT", "uuid": "UUID_TEXT",
    "list": "JSON_TEXT", "struct": "JSON_TEXT", "null": "VOID",
}  # fmt: skip


def ddl(kind: LogicalType) -> str:
    """The declared type for a logical one, such that `logical` gives it back.

    Lists and structs are the exception: they are stored as JSON and come back as json.
    """
    if kind.kind in _DDL:
        return _DDL[kind.kind]
    if kind.kind in INTEGERS:
        return kind.kind.upper().replace("INT", "INT_")
    if kind.kind == "decimal":
        precision, scale = kind.precision or MAX_PRECISION, kind.scale or 0
        name = "DECIMAL" if precision <= EXACT_DIGITS else "DECIMAL_TEXT"
        return f"{name}({precision},{scale})"
    if kind.kind == "string":
        return f"VARCHAR({kind.length})" if kind.length else "TEXT"
    if kind.kind == "binary":
        return f"VARBINARY({kind.length})" if kind.length else "BLOB"
    unit = kind.unit or "us"
    if kind.kind == "duration":
        return f"DURATION_{unit.upper()}"
    if kind.kind == "timestamp" and kind.zone is None:
        return "TIMESTAMP" if unit == "us" else f"TIMESTAMP_{unit.upper()}"
    if kind.kind == "timestamp" and kind.zone == "UTC" and unit == "us":
        return "TIMESTAMPTZ"
    if kind.kind == "timestamp":
        return f'"{kind}"'  # SQLite takes any quoted text for a type: the zone is kept in full
    raise UnsupportedError(f"SQLite has no form for {kind}")


def show(value: Position, kind: LogicalType) -> str:
    """A position in a query that a person wrote: times as text, in the form that SQLite's own
    functions write (https://sqlite.org/lang_datefunc.html), with a fraction only if there is one.
    """
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return literal(moment.isoformat(sep=" ") + ("Z" if value.tzinfo else ""))
    if isinstance(value, date):
        return literal(value.isoformat())
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def logical(text: str) -> tuple[LogicalType, TypeRule] | None:
    """The logical type of a declared one, with its rule; None where the data must tell.

    That is so for a column declared without a type, and for a name that means nothing to SQLite
    (it then has NUMERIC affinity, whatever the name meant to whoever wrote it).
    """
    kind = declared(text)
    if text.lower().startswith("timestamp(") and "," in text:
        try:
            return parse_type(text), _QUOTED
        except ValueError:
            return None
    found = DIALECT.rule(kind)
    if found is not None:
        return found[1], found[0]
    rule = _BY_AFFINITY.get(affinity(text)) if text.strip() else None
    if rule is None:
        return None
    built = rule.build(kind)
    return (built, rule) if built is not None else None


_QUOTED = TypeRule(
    ('"timestamp(unit, zone)"',), "timestamp(unit, zone)", lambda kind: parse_type(kind.text),
    "TEXT, ISO 8601 with an offset",
)  # fmt: skip
DIALECT = Dialect("sqlite", ('"', '"'), _RULES, ddl, show)
TYPE_TABLE: tuple[TypeRule, ...] = (*_RULES, _QUOTED, *_BY_AFFINITY.values())
"""All rules in the order in which they are tried, for the docs."""

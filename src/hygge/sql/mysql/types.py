"""MySQL's and MariaDB's reviewed type table.

https://dev.mysql.com/doc/refman/8.4/en/data-types.html, https://mariadb.com/kb/en/data-types/
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from pymysql.constants import FIELD_TYPE as T

from hygge.core.errors import UnsupportedError
from hygge.core.fields import MAX_PRECISION, LogicalType, parse_type
from hygge.core.watermark import Position
from hygge.sql.dialect import Declared, Dialect, TypeRule, declared, position_literal
from hygge.sql.mysql.decode import VECTOR, precision_of
from hygge.sql.mysql.wire import Definition
from hygge.sql.nested import has_bytes
from hygge.sql.relation import Column

TEXT = "CAST({} AS CHAR)"
"""A value as MySQL writes it."""
WKB = "ST_AsBinary({})"
_DAY = "as it is; zero dates, and days such as 31 February, are bad values"


def _rule(native: str, logical: str, stored: str = "as it is", loss: str = "", *,
          fetch: str = "") -> TypeRule:  # fmt: skip
    kind = parse_type(logical)
    return TypeRule(tuple(native.split(", ")), logical, lambda _: kind, stored, loss, fetch)


def _decimal(kind: Declared) -> LogicalType | None:
    precision, scale = (*kind.arguments, 10, 0)[:2] if not kind.arguments else (
        *kind.arguments, 0)[:2]  # fmt: skip
    if precision > MAX_PRECISION:
        return None
    return LogicalType("decimal", precision=precision, scale=scale)


def _one_bit(kind: Declared) -> LogicalType | None:
    return LogicalType("bool") if kind.arguments in ((), (1,)) else None


_RULES = (
    *(_rule(f"{name}{u.upper()}", f"{u.strip()[:1]}int{bits}")
      for u in ("", " unsigned")
      for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 32), ("INT", 32),
                         ("BIGINT", 64))),
    _rule("FLOAT, FLOAT UNSIGNED", "float32"),
    _rule("DOUBLE, DOUBLE UNSIGNED", "float64"),
    TypeRule(("DECIMAL", "DECIMAL UNSIGNED"), "decimal(p,s)", _decimal,
             "as it is, up to 38 digits"),
    _rule("DECIMAL, DECIMAL UNSIGNED", "string", "as text, from 39 digits on"),
    TypeRule(("BIT",), "bool", _one_bit, "as it is, where it is BIT(1)"),
    _rule("BIT", "uint64", "as a number"),
    _rule("DATE", "date", _DAY),
    _rule("DATETIME", "timestamp(us)", _DAY),
    _rule("TIMESTAMP", "timestamp(us, UTC)", "as it is; zero dates are bad values"),
    _rule("TIME", "duration(us)", "as it is, from -838:59:59 to 838:59:59"),
    _rule("YEAR", "int16", "as a number"),
    _rule("CHAR, VARCHAR, TINYTEXT, TEXT, MEDIUMTEXT, LONGTEXT", "string",
          "as it is, in whatever character set"),
    _rule("ENUM, SET", "string", "as text"),
    _rule("JSON", "json", "as it is; on MariaDB a LONGTEXT that is checked to be JSON"),
    _rule("UUID", "uuid", "as text"),
    _rule("INET4, INET6", "string", "as text"),
    _rule("BINARY, VARBINARY, TINYBLOB, BLOB, MEDIUMBLOB, LONGBLOB", "binary"),
    _rule("VECTOR", "binary", "as 32-bit floats, the lowest byte first"),
    _rule("GEOMETRY, POINT, LINESTRING, POLYGON, MULTIPOINT, MULTILINESTRING, MULTIPOLYGON, "
          "GEOMETRYCOLLECTION, GEOMCOLLECTION", "binary", "as WKB",
          "the SRID is not read", fetch=WKB),
)  # fmt: skip
_OTHER = TypeRule(("any other",), "string", lambda _: parse_type("string"), "as text", fetch=TEXT)
TYPE_TABLE = (*_RULES, _OTHER)


SHORT = 255
"""Characters, or bytes, of the longest text that lies in the row: a row has 65,535 bytes."""
_DDL = {
    "bool": "TINYINT(1)", "float32": "FLOAT", "float64": "DOUBLE", "date": "DATE",
    "time": "TIME(6)", "uuid": "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin",
    "json": "LONGTEXT", "null": "LONGTEXT",
    **{f"{u}int{bits}": name + (" UNSIGNED" if u else "")
       for u in ("", "u")
       for bits, name in ((8, "TINYINT"), (16, "SMALLINT"), (32, "INT"), (64, "BIGINT"))},
}  # fmt: skip


def ddl(kind: LogicalType) -> str:
    """The declared type for a logical one. Raises UnsupportedError.

    Instants are DATETIME, in UTC: TIMESTAMP ends in 2038. JSON is a text that is checked: MySQL's
    own type would order its members and round its numbers.
    """
    if kind.kind in _DDL:
        return _DDL[kind.kind]
    if kind.kind == "decimal":
        return f"DECIMAL({kind.precision or MAX_PRECISION},{kind.scale or 0})"
    if kind.kind in ("string", "binary"):
        name, long = ("VARCHAR", "LONGTEXT") if kind.kind == "string" else ("VARBINARY", "LONGBLOB")
        return f"{name}({kind.length})" if kind.length and kind.length <= SHORT else long
    if kind.kind in ("list", "struct") and not has_bytes(kind):
        return "LONGTEXT"
    if kind.kind in ("timestamp", "duration") and kind.unit != "ns":
        name = "DATETIME" if kind.kind == "timestamp" else "TIME"
        return f"{name}({3 if kind.unit == 'ms' else 6})"
    raise UnsupportedError(
        f"MySQL has no form for {kind}", hint="leave the column out, or `cast` it"
    )


def show(value: Position, kind: LogicalType) -> str:
    """A position as a literal; the session's time zone is UTC, so that instants need none."""
    if isinstance(value, datetime):
        plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return f"TIMESTAMP'{plain.isoformat(sep=' ', timespec='microseconds')}'"
    if isinstance(value, date):
        return f"DATE'{value.isoformat()}'"
    return position_literal(value, kind)


def text_literal(text: str) -> str:
    """A text as a literal that no `sql_mode` reads otherwise."""
    return f"_utf8mb4 X'{text.encode().hex()}'" if text else "''"


DIALECT = Dialect("mysql", ("`", "`"), _RULES, ddl, show, escapes=True)


def column_of(
    name: str, base: str, native: str, *, required: bool, key: int = 0, json: bool = False
) -> Column:
    """A column as the catalogue declares it.

    Parameters
    ----------
    base: the type's name alone (`DATA_TYPE`), e.g. `decimal`.
    native: the whole type (`COLUMN_TYPE`), e.g. `decimal(10,2) unsigned`.
    json: whether the column is checked to hold JSON.
    """
    unsigned = " UNSIGNED" if " unsigned" in native else ""
    plain = "JSON" if json else base.upper()
    arguments = () if plain in ("ENUM", "SET") else declared(native).arguments
    kind = Declared(native, plain + unsigned, arguments)
    rule, logical = DIALECT.rule(kind) or (_OTHER, parse_type("string"))
    quoted = DIALECT.quote(name)
    return Column(name, native, logical, rule.fetch.format(quoted), required, key, rule.loss)


_WIRE = {
    T.TINY: "tinyint", T.SHORT: "smallint", T.INT24: "mediumint", T.LONG: "int",
    T.LONGLONG: "bigint", T.YEAR: "year", T.FLOAT: "float", T.DOUBLE: "double", T.DATE: "date",
    T.NEWDATE: "date", T.DATETIME: "datetime", T.TIMESTAMP: "timestamp", T.TIME: "time",
    T.JSON: "json", T.GEOMETRY: "geometry", VECTOR: "vector",
}  # fmt: skip
_NUMBERS = (T.TINY, T.SHORT, T.INT24, T.LONG, T.LONGLONG)


def column_of_query(definition: Definition) -> Column:
    """A query's column, as the server describes it."""
    if definition.type == T.NULL:
        return Column(definition.name, "null", parse_type("null"))
    native = base = _base(definition)
    if definition.type == T.TINY and definition.length == 1:
        native = "tinyint(1)"
    elif definition.type in (T.DECIMAL, T.NEWDECIMAL):
        native = f"decimal({precision_of(definition)},{definition.scale})"
    elif definition.type == T.BIT:
        native = f"bit({definition.length})"
    if definition.type in _NUMBERS and definition.unsigned:
        native += " unsigned"
    return column_of(definition.name, base, native, required=definition.required)


def _base(definition: Definition) -> str:
    if definition.type in (T.DECIMAL, T.NEWDECIMAL):
        return "decimal"
    if definition.type == T.BIT:
        return "bit"
    known = _WIRE.get(definition.type) or definition.listed
    return known or ("blob" if definition.binary else "text")

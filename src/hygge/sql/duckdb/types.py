"""DuckDB's reviewed type table: https://duckdb.org/docs/stable/sql/data_types/overview."""

from __future__ import annotations

from hygge.core.errors import UnsupportedError
from hygge.core.fields import LogicalType, parse_type
from hygge.sql.dialect import Declared, Dialect, TypeRule, declared
from hygge.sql.duckdb.nested import is_nested, nested

TEXT, JSON = "{}::VARCHAR", "to_json({})::VARCHAR"
YEARS = "as it is; years outside 0001 to 9999, and infinity, are errors unless read as string"


def _rule(native: str, logical: str, stored: str = "as it is", loss: str = "", *,
          fetch: str = "") -> TypeRule:  # fmt: skip
    kind = parse_type(logical)
    return TypeRule(tuple(native.split(", ")), logical, lambda _: kind, stored, loss, fetch)


def _decimal(kind: Declared) -> LogicalType | None:
    precision, scale = (*kind.arguments, 18, 3)[:2] if not kind.arguments else kind.arguments[:2]
    return LogicalType("decimal", precision=precision, scale=scale)


_RULES = (
    _rule("BOOLEAN", "bool"),
    *(_rule(f"{'U' if u else ''}{name}", f"{u}int{bits}")
      for u in ("", "u")
      for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64))),
    _rule("HUGEINT, UHUGEINT, BIGNUM, VARINT", "decimal(38,0)", "as text",
          "a number of 39 digits is an error", fetch=TEXT),
    _rule("FLOAT", "float32"),
    _rule("DOUBLE", "float64"),
    TypeRule(("DECIMAL",), "decimal(p,s)", _decimal, "as it is"),
    _rule("DATE", "date", YEARS),
    _rule("TIME, TIME_NS", "time", "as it is; 24:00 is an error unless read as string"),
    _rule("TIME WITH TIME ZONE", "string", "as text", fetch=TEXT),
    _rule("TIMESTAMP", "timestamp(us)", YEARS),
    # Polars takes seconds for milliseconds as it multiplies, in which infinity wraps around.
    _rule("TIMESTAMP_S", "timestamp(ms)", YEARS, fetch="{}::TIMESTAMP_MS"),
    _rule("TIMESTAMP_MS", "timestamp(ms)", YEARS),
    _rule("TIMESTAMP_NS", "timestamp(ns)", "as it is; infinity is an error unless read as string"),
    _rule("TIMESTAMP WITH TIME ZONE", "timestamp(us, UTC)", YEARS),
    _rule("TIMESTAMPTZ_NS", "timestamp(ns, UTC)",
          "as it is; infinity is an error unless read as string"),
    _rule("INTERVAL, BIT", "string", "as text", fetch=TEXT),
    _rule("UUID", "uuid"),
    _rule("BLOB", "binary"),
    _rule("GEOMETRY", "binary", "as WKB", fetch="ST_AsWKB({})"),
    _rule("JSON", "json"),
    _rule("VARCHAR", "string"),
    _rule("ENUM", "string", "as its labels", fetch=TEXT),
    _rule("MAP, UNION, TUPLE, VARIANT", "json",
          "as JSON; NaN and infinity as DuckDB writes them, which is no JSON", fetch=JSON),
)  # fmt: skip
NESTED = TypeRule(
    ("...[]", "...[n]", "STRUCT"), "list(...), struct(...)", lambda _: None, "as it is",
)  # fmt: skip
AS_JSON = TypeRule(
    NESTED.native, "json", lambda _: parse_type("json"),
    "as JSON, where a date, a time or what is not read as it is lies inside; NaN and infinity as "
    "DuckDB writes them, which is no JSON", fetch=JSON,
)  # fmt: skip


_DDL = {
    "bool": "BOOLEAN", "float32": "FLOAT", "float64": "DOUBLE", "date": "DATE", "time": "TIME",
    "duration": "INTERVAL", "string": "VARCHAR", "binary": "BLOB", "json": "JSON", "uuid": "UUID",
    "null": "INTEGER", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER",
    "int64": "BIGINT", "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER",
    "uint64": "UBIGINT",
}  # fmt: skip


def ddl(kind: LogicalType) -> str:
    """The declared type for a logical one. Raises UnsupportedError for one it cannot hold."""
    if kind.kind == "decimal":
        return f"DECIMAL({kind.precision},{kind.scale})"
    if kind.kind == "list":
        return f"{ddl(kind.inner[0].type)}[]"
    if kind.kind == "struct":
        members = ", ".join(f"{_quoted(f.name)} {ddl(f.type)}" for f in kind.inner)
        return f"STRUCT({members})"
    if kind.kind == "timestamp":
        if kind.zone is None:
            return {"ms": "TIMESTAMP_MS", "us": "TIMESTAMP", "ns": "TIMESTAMP_NS"}[
                kind.unit or "us"
            ]
        if kind.unit != "ns":
            return "TIMESTAMP WITH TIME ZONE"
    if kind.kind in _DDL:
        return _DDL[kind.kind]
    raise UnsupportedError(
        f"DuckDB has no form for {kind}", hint="`cast` the column, e.g. to timestamp(us, UTC)"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


REMOTE = "md:"
"""How MotherDuck's databases are named: `md:my_db`."""
DIALECT = Dialect("duckdb", ('"', '"'), _RULES, ddl)


def logical(native: str) -> tuple[TypeRule, LogicalType]:
    """The rule for a type as DuckDB's catalogue writes it, and the logical type it gives."""
    if is_nested(native):
        found = nested(native, _inside)
        return (AS_JSON, parse_type("json")) if found is None else (NESTED, found)
    return _scalar(native) or (_OTHER, parse_type("string"))


def _scalar(native: str) -> tuple[TypeRule, LogicalType] | None:
    head = native.partition("(")[0]
    return DIALECT.rule(Declared(native, head) if head in _WITH_PARTS else declared(native))


def _inside(native: str) -> LogicalType | None:
    """The type of a member that arrives as it is; not of times, whose infinity would pass."""
    found = _scalar(native)
    if found is None or found[0].fetch or found[1].is_temporal or found[1].kind == "time":
        return None
    return found[1]


_WITH_PARTS = frozenset({"ENUM", "MAP", "UNION", "TUPLE", "GEOMETRY"})
"""Types whose brackets hold labels, members or a reference system, and not numbers."""
_OTHER = TypeRule(("any other",), "string", lambda _: parse_type("string"), "as text", fetch=TEXT)
TYPE_TABLE = (*_RULES, NESTED, AS_JSON, _OTHER)
"""All rules, for the docs."""

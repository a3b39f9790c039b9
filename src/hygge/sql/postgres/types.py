"""PostgreSQL's reviewed type table: https://www.postgresql.org/docs/current/datatype.html."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hygge.core.errors import UnsupportedError
from hygge.core.fields import MAX_PRECISION, Field, LogicalType, parse_type
from hygge.sql.dialect import Declared, Dialect, TypeRule, declared

TEXT, AS_JSON = "{}::text", "to_json({})::text"
OPEN = LogicalType("decimal", precision=MAX_PRECISION, scale=9)
"""What a numeric without a precision is read as, unless `types` declares otherwise."""
_YEARS = "as it is; years outside 0001 to 9999, and infinity, are errors unless read as string"


def _rule(native: str, logical: str, stored: str = "as it is", loss: str = "", *,
          fetch: str = "") -> TypeRule:  # fmt: skip
    kind = parse_type(logical)
    return TypeRule(tuple(native.split(", ")), logical, lambda _: kind, stored, loss, fetch)


def _text(native: str, stored: str = "as psql shows it", loss: str = "") -> TypeRule:
    return _rule(native, "string", stored, loss, fetch=TEXT)


def _decimal(kind: Declared) -> LogicalType | None:
    """A numeric's precision and scale; a scale may be negative or larger than the precision."""
    if not kind.arguments:
        return None
    precision, scale = (*kind.arguments, 0)[:2]
    digits, places = max(precision - min(scale, 0), scale), max(scale, 0)
    if digits > MAX_PRECISION:
        return None
    return LogicalType("decimal", precision=digits, scale=places)


def _sized(kind: Declared) -> LogicalType | None:
    return LogicalType("string", length=kind.arguments[0]) if kind.arguments else None


def _one(kind: Declared) -> LogicalType:
    return LogicalType("string", length=(kind.arguments or (1,))[0])


_NUMERIC = (
    _rule("SMALLINT", "int16"),
    _rule("INTEGER", "int32"),
    _rule("BIGINT", "int64"),
    TypeRule(("NUMERIC",), "decimal(p,s)", _decimal, "as it is; NaN is an error", fetch=TEXT),
    TypeRule(("NUMERIC",), str(OPEN), lambda _: OPEN, "without a precision, or with one of more "
             "than 38 digits; a number that has more digits, and NaN, are errors", fetch=TEXT),
    _rule("REAL", "float32"),
    _rule("DOUBLE PRECISION", "float64"),
    _rule("MONEY", "decimal(19,2)", "as a number; more than 2 decimals, as some currencies have "
          "them, are errors", fetch="{}::numeric::text"),
)  # fmt: skip
_CHARACTERS = (
    TypeRule(("VARCHAR",), "string(n)", _sized, "as it is"),
    _rule("VARCHAR, TEXT, NAME", "string"),
    TypeRule(("CHAR",), "string(n)", _one, "padded with blanks, as psql shows it"),
    _rule("BPCHAR", "string"),
    _text('"CHAR"'),
    _rule("BYTEA", "binary"),
)
_TIMES = (
    _rule("DATE", "date", _YEARS),
    _rule("TIMESTAMP", "timestamp(us)", _YEARS),
    _rule("TIMESTAMPTZ", "timestamp(us, UTC)", _YEARS),
    _rule("TIME", "time", "as it is; 24:00 is an error unless read as string"),
    _text("TIMETZ"),
    _text("INTERVAL", "as ISO 8601's durations: `P1M2DT3H`"),
)
_OTHERS = (
    _rule("BOOLEAN", "bool"),
    _text("POINT, LINE, LSEG, BOX, PATH, POLYGON, CIRCLE"),
    _rule("INET", "string", "as psql shows it", fetch="textin(inet_out({}))"),
    _text("CIDR, MACADDR, MACADDR8"),
    _text("BIT, BIT VARYING", "as zeros and ones"),
    _text("TSVECTOR, TSQUERY"),
    _rule("UUID", "uuid", fetch=TEXT),
    _text("XML"),
    _rule("JSON, JSONB", "json"),
    _text("JSONPATH"),
    _rule("OID", "uint32", fetch="{}::bigint"),
    _rule("XID, CID", "uint32", fetch=TEXT),
    _rule("XID8", "uint64", fetch=TEXT),
    _text("REGCLASS, REGCOLLATION, REGCONFIG, REGDICTIONARY, REGNAMESPACE, REGOPER, REGOPERATOR, "
          "REGPROC, REGPROCEDURE, REGROLE, REGTYPE", "as names"),
    _text("PG_LSN, PG_SNAPSHOT, TXID_SNAPSHOT, TID"),
)  # fmt: skip
ENUM = _text("enumerated types", "as their labels")
RANGE = _text("range and multirange types")
COMPOSITE = _rule("composite types", "json", "as JSON", fetch=AS_JSON)
DOMAIN = TypeRule(("domains",), "as their base type", lambda _: None, "as their base type")
ARRAY = TypeRule(
    ("...[]",), "list(...)", lambda _: None,
    "as lists; more than one dimension is an error unless declared (`integer[][]`) or read as json",
    "lower bounds other than 1 are not kept",
)  # fmt: skip
ARRAYS = _rule("...[][], arrays of composite types", "json", "as JSON", fetch=AS_JSON)
OTHER = _text("HSTORE, CITEXT, LTREE, GEOMETRY, and all others")
_RULES = (*_NUMERIC, *_CHARACTERS, *_TIMES, *_OTHERS)
TYPE_TABLE = (*_RULES, ENUM, RANGE, COMPOSITE, DOMAIN, ARRAY, ARRAYS, OTHER)


_DDL = {
    "bool": "boolean", "int8": "smallint", "int16": "smallint", "int32": "integer",
    "int64": "bigint", "uint8": "smallint", "uint16": "integer", "uint32": "bigint",
    "uint64": "numeric(20,0)", "float32": "real", "float64": "double precision", "date": "date",
    "time": "time", "duration": "interval", "string": "text", "binary": "bytea", "json": "json",
    "uuid": "uuid", "struct": "json", "null": "text",
}  # fmt: skip
_IN_ARRAYS = frozenset({
    "bool", "int8", "int16", "int32", "int64", "float32", "float64", "string", "binary",
})  # fmt: skip


def ddl(kind: LogicalType) -> str:
    """The declared type for a logical one. Raises UnsupportedError for one it cannot hold.

    Lists whose elements the driver lays down exactly are arrays; the others, and structs, are JSON.
    """
    if kind.unit == "ns":
        raise UnsupportedError(
            f"PostgreSQL has no form for {kind}: its times end with microseconds",
            hint="`cast` the column, e.g. to timestamp(us) or string",
        )
    if kind.kind == "decimal":
        return f"numeric({kind.precision},{kind.scale})"
    if kind.kind == "timestamp":
        return "timestamptz" if kind.zone else "timestamp"
    if kind.kind == "string" and kind.length:
        return f"varchar({kind.length})"
    if kind.kind == "list":
        inner = kind.inner[0].type
        return f"{ddl(inner)}[]" if inner.kind in _IN_ARRAYS else "json"
    return _DDL[kind.kind]


def exact(column: str, kind: LogicalType) -> Sequence[str]:
    """See Dialect. `json` has no equality: its documents are compared as they are written."""
    written = ddl(kind)
    if "json" in written:
        return (f"CAST({column} AS text{'[]' if written.endswith('[]') else ''})",)
    return (column,)


DIALECT = Dialect("postgres", ('"', '"'), _RULES, ddl, exact=exact)


_LONG = (
    (re.compile(r"^character varying"), "varchar"),
    (re.compile(r"^character\b"), "char"),
    (re.compile(r"^(time(?:stamp)?)((?:\(\d\))?) with time zone"), r"\1tz\2"),
    (re.compile(r"^(time(?:stamp)?(?:\(\d\))?) without time zone"), r"\1"),
)


def short(text: str) -> str:
    """A type as people write it, `varchar(5)`, from what `format_type` makes of it."""
    for long, brief in _LONG:
        text = long.sub(brief, text)
    return text


@dataclass(frozen=True, slots=True)
class Native:
    """A column's type as the catalogue has it, domains resolved.

    Parameters
    ----------
    text: as `short` writes it, e.g. `numeric(10,2)`.
    sort: pg_type's `typtype`: b base, e enum, r range, m multirange, c composite, p pseudo.
    element: of an array, the type of its elements; None where it is no array.
    dimensions: of an array, as declared; 0 where the catalogue does not say.
    """

    text: str
    sort: str = "b"
    element: Native | None = None
    dimensions: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a type is read.

    Parameters
    ----------
    type: the logical type.
    fetch: the SQL that brings it, with `{}` for the quoted name; "" for that alone.
    loss: what is lost.
    """

    type: LogicalType
    fetch: str = ""
    loss: str = ""


def reading(native: Native) -> Reading:
    """How a type is read, by the table."""
    if native.element is not None:
        return _array(native, native.element)
    special = {"e": ENUM, "r": RANGE, "m": RANGE, "c": COMPOSITE}.get(native.sort)
    if special is not None:
        return _by(special, native)
    kind = declared(native.text)
    if kind.name.startswith("INTERVAL"):  # `interval day to second(3)`
        kind = Declared(kind.text, "INTERVAL")
    found = DIALECT.rule(kind)
    if found is None:
        return _by(OTHER, native)
    rule, logical = found
    return Reading(logical, rule.fetch, rule.loss)


def _by(rule: TypeRule, native: Native) -> Reading:
    logical = rule.build(declared(native.text))
    assert logical is not None  # of rules that fit whatever the arguments
    return Reading(logical, rule.fetch, rule.loss)


# What the driver's lists carry exactly; the other elements come as text, which is held to the type.
_EXACT_INSIDE = frozenset({
    "int16", "int32", "int64", "float32", "float64", "bool", "string", "binary",
})  # fmt: skip


def _array(native: Native, element: Native) -> Reading:
    inner = reading(element)
    if native.dimensions > 1 or inner.fetch == AS_JSON or element.sort == "p":
        return _by(ARRAYS, native)
    exact = inner.type.kind in _EXACT_INSIDE and not inner.fetch
    # The driver lays all dimensions end to end, so that an array of more must not get through:
    # the cast of this text, which says why, is an error of the server's. By way of its own text
    # an array's elements are as they are shown, which a cast of each might not be.
    kind, value = (native.text, "{}") if exact else ("text[]", "{}::text::text[]")
    why = "('more than one dimension: ' || {}::text)::" + kind
    fetch = f"CASE WHEN array_ndims({{}}) > 1 THEN {why} ELSE {value} END"
    return Reading(LogicalType("list", inner=(Field("item", inner.type),)), fetch, ARRAY.loss)

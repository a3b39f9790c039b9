"""Every type of PostgreSQL's documentation of data types, with the ends of its range.

https://www.postgresql.org/docs/current/datatype.html, in its order.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from tests.servers import Broken, Database

SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'GLÜCKLICH');
CREATE TYPE pair AS (a integer, "b c" text);
CREATE DOMAIN email AS text CHECK (value LIKE '%@%');
CREATE DOMAIN price AS numeric(10,2) NOT NULL;
CREATE DOMAIN cheap AS price CHECK (value < 100);
CREATE DOMAIN digits AS integer[];
CREATE TYPE floats AS RANGE (subtype = float8);
"""


def _text(shown: str) -> str:
    return shown


def _bytes(shown: str) -> bytes:
    return bytes.fromhex(shown.removeprefix("\\x"))


def _moment(shown: str) -> datetime:
    return datetime.fromisoformat(shown.replace(" ", "T"))


def _instant(shown: str) -> datetime:
    return datetime.fromisoformat(shown.replace(" ", "T").replace("+00", "+00:00")).astimezone(UTC)


def _bool(shown: str) -> bool:
    return {"t": True, "f": False}[shown]


@dataclass(frozen=True)
class Kind:
    """One type.

    Parameters
    ----------
    native: as it is declared.
    logical: the type it must be read as.
    values: literals, as SQL writes them.
    parse: what psql shows as the value that must arrive.
    ask: what psql is asked to show, with {} for the column.
    extension: what brings the type, an extension or a library; "" for the server itself.
    """

    native: str
    logical: str
    values: tuple[str, ...]
    parse: Callable[[str], Any] = _text
    ask: str = "{}"
    extension: str = ""


def _floats(shown: str) -> float:
    return float(shown.replace("Infinity", "inf"))


NUMERIC = (
    Kind("smallint", "int16", ("-32768", "32767", "0"), int),
    Kind("integer", "int32", ("-2147483648", "2147483647"), int),
    Kind("bigint", "int64", ("-9223372036854775808", "9223372036854775807"), int),
    Kind("smallserial", "int16", ("1", "32767"), int),
    Kind("serial", "int32", ("1", "2147483647"), int),
    Kind("bigserial", "int64", ("1", "9223372036854775807"), int),
    Kind("numeric(10,2)", "decimal(10,2)", ("99999999.99", "-99999999.99", "0.005", "0"), Decimal),
    Kind("numeric(18,4)", "decimal(18,4)", ("99999999999999.9999", "-0.0001", "10000"), Decimal),
    Kind("numeric(20,19)", "decimal(20,19)", ("9.9999999999999999999", "-1e-19"), Decimal),
    Kind("numeric(38,0)", "decimal(38,0)", ("9" * 38, "-" + "9" * 38), Decimal),
    Kind("numeric(38,38)", "decimal(38,38)", ("0." + "9" * 38, "-1e-38"), Decimal),
    Kind("numeric(5)", "decimal(5,0)", ("99999", "-1.4"), Decimal),
    Kind("numeric(3,-2)", "decimal(5,0)", ("99900", "-149"), Decimal),
    Kind("numeric(2,5)", "decimal(5,5)", ("0.00099", "-0.00001"), Decimal),
    Kind("numeric", "decimal(38,9)", ("12345678901234567890123456789.123456789", "1e-9", "-5",
                                      "1e28", "1.50000000000000"), Decimal),
    Kind("numeric(1000,500)", "decimal(38,9)", ("1.5", "-12345678901234567890"), Decimal),
    Kind("real", "float32", ("'NaN'", "'Infinity'", "'-Infinity'", "3.4028235e38", "1e-45", "'-0'",
                             "0.1"), _floats),
    Kind("double precision", "float64", ("'NaN'", "'-Infinity'", "1.7976931348623157e308", "5e-324",
                                         "'-0'", "0.1"), _floats),
    Kind("money", "decimal(19,2)", ("92233720368547758.07::numeric", "'-92233720368547758.08'",
                                    "'1.5'"),
         lambda shown: Decimal(shown.replace("$", "").replace(",", ""))),
)  # fmt: skip
CHARACTERS = (
    Kind("varchar(5)", "string(5)", ("'éé👩'", "''", "'a  '", "'\\N'")),
    Kind("varchar", "string", ("'x'", "E'\\t\\n\\\\'")),
    Kind("char(5)", "string(5)", ("'a'", "''", "'👩👩👩👩👩'")),
    Kind("char", "string(1)", ("'a'",)),
    Kind("bpchar", "string", ("'a  '", "''")),
    Kind("text", "string", ("''", "'NULL'", "repeat('é', 10000)", "E'a\\r\\nb'", "'\"'")),
    Kind("name", "string", ("repeat('n', 63)", "''")),
    Kind('"char"', "string", ("'a'", "''", "'\\351'")),
    Kind("bytea", "binary", ("'\\x'", "'\\x00ff'", "'\\xdeadbeef'"), _bytes),
)
TIMES = (
    Kind("date", "date", ("'0001-01-01'", "'9999-12-31'", "'2024-02-29'", "'1582-10-10'"),
         date.fromisoformat),
    Kind("timestamp", "timestamp(us)", ("'0001-01-01'", "'9999-12-31 23:59:59.999999'",
                                        "'1969-12-31 23:59:59.999999'"), _moment),
    Kind("timestamp(0)", "timestamp(us)", ("'2024-01-01 12:00:00.6'",), _moment),
    Kind("timestamptz", "timestamp(us, UTC)", ("'0001-01-01 00:00+00'",
                                               "'9999-12-31 23:59:59.999999+00'",
                                               "'2024-03-31 02:30+05:30'"), _instant),
    Kind("timestamptz(3)", "timestamp(us, UTC)", ("'2024-01-01 12:00:00.1234+00'",), _instant),
    Kind("time", "time", ("'00:00'", "'23:59:59.999999'", "'12:30:00.000001'"),
         time.fromisoformat),
    Kind("timetz", "string", ("'00:00+15:59'", "'24:00-12'")),
    Kind("interval", "string", ("'178000000 years'", "'-178000000 years'", "'1 mon -2 days'",
                                "'25:00:00.000001'", "'0'")),
    Kind("interval day to second(3)", "string", ("'1 day 00:00:00.1239'",)),
)  # fmt: skip
OTHERS = (
    Kind("boolean", "bool", ("true", "false"), _bool),
    Kind("mood", "string", ("'sad'", "'it''s ok'", "'GLÜCKLICH'")),
    Kind("point", "string", ("'(1.5,-2)'", "'(Infinity,NaN)'")),
    Kind("line", "string", ("'{1,2,3}'",)),
    Kind("lseg", "string", ("'[(0,0),(1,1)]'",)),
    Kind("box", "string", ("'(1,1),(0,0)'",)),
    Kind("path", "string", ("'[(0,0),(1,1)]'", "'((0,0),(1,1))'")),
    Kind("polygon", "string", ("'((0,0),(1,1),(1,0))'",)),
    Kind("circle", "string", ("'<(0,0),1.5>'",)),
    Kind("cidr", "string", ("'10.0.0.0/8'", "'2001:db8::/32'")),
    Kind("inet", "string", ("'10.1.2.3/8'", "'::1'", "'10.1.2.3'")),
    Kind("macaddr", "string", ("'08:00:2b:01:02:03'",)),
    Kind("macaddr8", "string", ("'08:00:2b:01:02:03:04:05'",)),
    Kind("bit(3)", "string", ("B'101'",)),
    Kind("bit varying(5)", "string", ("B''", "B'00101'")),
    Kind("tsvector", "string", ("'a:1 fat:2,4'", "''")),
    Kind("tsquery", "string", ("'fat & !rat'",)),
    Kind("uuid", "uuid", ("'00000000-0000-0000-0000-000000000000'",
                          "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"), lambda s: str(uuid.UUID(s))),
    Kind("xml", "string", ("'<a b=\"c\">é</a>'",), extension="libxml"),
    Kind("json", "json", ("'{\"a\" :  1, \"a\": 2}'", "'null'", "'\"x\"'")),
    Kind("jsonb", "json", ("'{\"b\": 1e3, \"a\": [null]}'", "'null'")),
    Kind("jsonpath", "string", ("'$.a[*]'",)),
    Kind("oid", "uint32", ("4294967295", "0"), int),
    Kind("xid", "uint32", ("'4294967295'",), int),
    Kind("cid", "uint32", ("'4294967295'",), int),
    Kind("xid8", "uint64", ("'18446744073709551615'",), int),
    Kind("regclass", "string", ("'pg_class'", "0")),
    Kind("regtype", "string", ("'integer'",)),
    Kind("regrole", "string", ("0",)),
    Kind("pg_lsn", "string", ("'FFFFFFFF/FFFFFFFF'", "'0/0'")),
    Kind("pg_snapshot", "string", ("'10:20:10,14'",)),
    Kind("tid", "string", ("'(4294967295,65535)'",)),
    Kind("int4range", "string", ("'[1,5)'", "'empty'", "'(,)'")),
    Kind("int8range", "string", ("'[1,5]'",)),
    Kind("numrange", "string", ("'(1.5,2.5]'",)),
    Kind("daterange", "string", ("'[2024-01-01,infinity)'",)),
    Kind("tsrange", "string", ("'[2024-01-01,)'",)),
    Kind("tstzrange", "string", ("'[2024-01-01 00:00+02,)'",)),
    Kind("floats", "string", ("'[0.1,Infinity]'",)),
    Kind("int4multirange", "string", ("'{[1,3),[5,7)}'", "'{}'")),
    Kind("email", "string", ("'a@b'",)),
    Kind("price", "decimal(10,2)", ("99999999.99",), Decimal),
    Kind("cheap", "decimal(10,2)", ("-1.5",), Decimal),
    Kind("hstore", "string", ("'a=>1, b=>NULL'",), extension="hstore"),
    Kind("citext", "string", ("'Ab'",), extension="citext"),
    Kind("citext[]", "list(string)", ("'{Ab}'",), lambda s: _items(s, str), extension="citext"),
    Kind("ltree", "string", ("'a.b'",), extension="ltree"),
    Kind("vector(3)", "string", ("'[1,2.5,3]'",), extension="vector"),
    Kind("aclitem", "string", ("'=r/hygge'",)),
)  # fmt: skip
ARRAYS = (
    Kind("integer[]", "list(int32)", ("'{}'", "'{1,NULL,-2147483648}'"), lambda s: _items(s, int)),
    Kind("digits", "list(int32)", ("'{1,2}'",), lambda s: _items(s, int)),
    Kind("bigint[]", "list(int64)", ("'{9223372036854775807}'",), lambda s: _items(s, int)),
    Kind("numeric(10,2)[]", "list(decimal(10,2))", ("'{1.5,NULL}'", "'{}'"),
         lambda s: _items(s, Decimal)),
    Kind("text[]", "list(string)", ("'{a,NULL}'", "ARRAY['\"', 'a,b', '', 'NULL', '{}', E'\\\\']"),
         json.loads, "array_to_json({})"),
    Kind("bytea[]", "list(binary)", ("ARRAY['\\xff', '', NULL]::bytea[]",),
         lambda s: [None if v is None else _bytes(v) for v in json.loads(s)], "array_to_json({})"),
    Kind("boolean[]", "list(bool)", ("'{t,f,NULL}'",), lambda s: _items(s, _bool)),
    Kind("double precision[]", "list(float64)", ("'{0.1,-Infinity}'",),
         lambda s: _items(s, _floats)),
    Kind("date[]", "list(date)", ("'{0001-01-01,9999-12-31,NULL}'",),
         lambda s: _items(s, date.fromisoformat)),
    Kind("time[]", "list(time)", ("'{00:00,23:59:59.999999}'",),
         lambda s: _items(s, time.fromisoformat)),
    Kind("timestamp[]", "list(timestamp(us))", ("'{\"2024-01-01 00:00:00.000001\"}'",),
         lambda s: _items(s, _moment)),
    Kind("timestamptz[]", "list(timestamp(us, UTC))", ("'{\"2024-01-01 00:00+02\"}'",),
         lambda s: _items(s, _instant)),
    Kind("uuid[]", "list(uuid)", ("'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'",),
         lambda s: _items(s, str)),
    Kind("mood[]", "list(string)", ("'{sad,NULL}'",), lambda s: _items(s, str)),
    Kind("inet[]", "list(string)", ("'{10.0.0.1}'",), lambda s: _items(s, str)),
)  # fmt: skip
AS_JSON = (
    Kind("pair", "json", ("ROW(1, 'é\"')", "ROW(NULL, NULL)"), json.loads, "to_json({})"),
    Kind("pair[]", "json", ("ARRAY[ROW(1, 'x')::pair, NULL]",), json.loads, "to_json({})"),
    Kind("integer[][]", "json", ("'{{1,2},{3,4}}'", "'{}'"), json.loads, "to_json({})"),
)


def _items(shown: str, parse: Callable[[str], Any]) -> list[Any]:
    """The elements of an array without commas or quotes inside them."""
    inner = shown.strip("{}").replace('"', "")
    return [None if v == "NULL" else parse(v) for v in inner.split(",")] if inner else []


CORPUS = (*NUMERIC, *CHARACTERS, *TIMES, *OTHERS, *ARRAYS, *AS_JSON)


def lay_down(database: Database) -> None:
    """The tables of `script`, of the types that the server has."""
    found = {str(n) for (n,) in database.rows("SELECT name FROM pg_available_extensions")}
    with suppress(Broken):  # built without the library
        database.execute("SELECT '<a/>'::xml")
        found.add("libxml")
    database.execute(script(frozenset(found)))


def script(extensions: frozenset[str]) -> str:
    """A table for each type, `t0` and so on: `k` numbers the rows, `v` has the values and NULL.

    Parameters
    ----------
    extensions: those that the server has.
    """
    needed = {kind.extension for kind in CORPUS} & extensions - {"libxml"}
    lines = [*(f"CREATE EXTENSION {name};" for name in sorted(needed)), SETUP]
    for number, kind in enumerate(CORPUS):
        if kind.extension and kind.extension not in extensions:
            continue
        required = "serial" in kind.native or kind.native in ("price", "cheap")
        lines.append(f"CREATE TABLE t{number} (k integer PRIMARY KEY, v {kind.native});")
        values = [*kind.values, *([] if required else ["NULL"])]
        lines += [
            f"INSERT INTO t{number} VALUES ({row}, {value});" for row, value in enumerate(values)
        ]
    return "\n".join(lines)
